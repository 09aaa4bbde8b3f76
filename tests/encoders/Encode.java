// Secrets in base64, one a line, to what Java makes of each: number, encoder and form in base64.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

public class Encode {
    interface Encoder { String encode(String secret) throws Exception; }

    static void tell(int number, String name, String secret, Encoder encoder) throws Exception {
        byte[] form = encoder.encode(secret).getBytes(StandardCharsets.UTF_8);
        System.out.println(number + "\t" + name + "\t" + Base64.getEncoder().encodeToString(form));
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        int number = 0;
        for (String line; (line = in.readLine()) != null; number++) {
            byte[] raw = Base64.getDecoder().decode(line);
            String secret = new String(raw, StandardCharsets.UTF_8);
            tell(number, "URLEncoder", secret, s -> URLEncoder.encode(s, StandardCharsets.UTF_8));
            tell(number, "URI path", secret,
                s -> new URI("https", "host", "/" + s, null, null).toASCIIString());
            tell(number, "URI query", secret,
                s -> new URI("https", "host", "/", "p=" + s, null).toASCIIString());
            tell(number, "URI query, not ASCII", secret,
                s -> new URI("https", "host", "/", "p=" + s, null).toString());
            tell(number, "Base64", secret, s -> Base64.getEncoder().encodeToString(raw));
            tell(number, "Base64 URL", secret, s -> Base64.getUrlEncoder().encodeToString(raw));
            tell(number, "Base64 MIME", secret,
                s -> Base64.getMimeEncoder().encodeToString(("user:" + s).getBytes(StandardCharsets.UTF_8)));
        }
    }
}
