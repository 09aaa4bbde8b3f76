package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Reads a parameter and a secret through the extension's cache, and logs a JSON and a text line. */
public class Handler implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final String PORT =
            System.getenv().getOrDefault("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773");

    /** Greets and signs the greeting; {"fail": true} throws, {"sleep": 10} takes ten seconds. */
    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        try {
            HttpResponse<String> greeting = get("/systemsmanager/parameters/get?name=", "/demo/greeting");
            HttpResponse<String> secret = get("/secretsmanager/get?secretId=", "demo/api-key");
            System.out.printf(
                    "{\"level\":\"INFO\",\"message\":\"settings read\",\"parameter\":\"%s\",\"secret\":\"%s\"}%n",
                    cacheOf(greeting), cacheOf(secret));
            context.getLogger().log("greeting with " + greeting.body() + "\n");
            Thread.sleep(((Number) event.getOrDefault("sleep", 0)).longValue() * 1000);
            if (Boolean.TRUE.equals(event.get("fail"))) {
                throw new IllegalStateException("the event asked for a failure");
            }
            // The secret is used; neither the log nor the answer ever holds it.
            return Map.of(
                    "greeting", greeting.body(),
                    "signature", sign(greeting.body(), secret.body()),
                    "gets", List.of(
                            Map.of("name", "/demo/greeting", "cache", cacheOf(greeting)),
                            Map.of("name", "demo/api-key", "cache", cacheOf(secret))));
        } catch (IOException | InterruptedException | GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    private static HttpResponse<String> get(String path, String name)
            throws IOException, InterruptedException {
        String url = "http://localhost:" + PORT + path
                + URLEncoder.encode(name, StandardCharsets.UTF_8) + "&raw=true";
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .header("X-Aws-Parameters-Secrets-Token", System.getenv("AWS_SESSION_TOKEN"))
                .timeout(Duration.ofSeconds(5))
                .build();
        HttpResponse<String> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException(name + ": " + answer.headers().firstValue("x-amzn-errortype").orElse(""));
        }
        return answer;
    }

    private static String cacheOf(HttpResponse<String> answer) {
        return answer.headers().firstValue("x-cache").orElse("");
    }

    private static String sign(String text, String key) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return HexFormat.of().formatHex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }
}
