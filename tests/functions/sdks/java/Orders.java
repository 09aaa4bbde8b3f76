import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyRequestEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyResponseEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPResponse;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A function beside the OpenTelemetry agent: spans of its own, a line, and the end it is asked for. */
public class Orders implements RequestStreamHandler {
  private static final Pattern WISH = Pattern.compile("\"do\": ?\"(\\w+)\"");
  private static final Pattern SPANS = Pattern.compile("\"spans\": ?(\\d+)");

  static class OrderError extends RuntimeException {
    OrderError(String text) {
      super(text);
    }
  }

  /** Takes the event of an HTTP API. */
  public static class Http
      implements RequestHandler<APIGatewayV2HTTPEvent, APIGatewayV2HTTPResponse> {
    public APIGatewayV2HTTPResponse handleRequest(APIGatewayV2HTTPEvent event, Context context) {
      work(0);
      return APIGatewayV2HTTPResponse.builder().withStatusCode(200).withBody("done").build();
    }
  }

  /** Takes the event of a REST API. */
  public static class Rest
      implements RequestHandler<APIGatewayProxyRequestEvent, APIGatewayProxyResponseEvent> {
    public APIGatewayProxyResponseEvent handleRequest(
        APIGatewayProxyRequestEvent event, Context context) {
      work(0);
      return new APIGatewayProxyResponseEvent().withStatusCode(200).withBody("done");
    }
  }

  /** Takes a batch of messages. */
  public static class Queue implements RequestHandler<SQSEvent, String> {
    public String handleRequest(SQSEvent event, Context context) {
      work(0);
      return "done";
    }
  }

  public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
    String event = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    Matcher wish = WISH.matcher(event);
    Matcher spans = SPANS.matcher(event);
    work(spans.find() ? Integer.parseInt(spans.group(1)) : 0);
    switch (wish.find() ? wish.group(1) : "") {
      case "raise":
        throw new OrderError("no stock");
      case "sleep":
        try {
          Thread.sleep(60_000);
        } catch (InterruptedException error) {
          throw new IOException(error);
        }
    }
    out.write("{\"statusCode\": 200, \"body\": \"done\"}".getBytes(StandardCharsets.UTF_8));
  }

  private static void work(int spans) {
    Tracer tracer = GlobalOpenTelemetry.getTracer("shop");
    Span price = tracer.spanBuilder("price").setAttribute("order.id", 7).startSpan();
    try (Scope inside = price.makeCurrent()) {
      Span stock = tracer.spanBuilder("GET /stock").setSpanKind(SpanKind.CLIENT).startSpan();
      System.out.println("order 7");
      stock.end();
    }
    price.end();
    for (int number = 0; number < spans; number++) {
      tracer.spanBuilder("span " + number).startSpan().end();
    }
  }
}
