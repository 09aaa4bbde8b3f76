package function;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A function in Java that fails in the way it is asked for. */
public class Handler implements RequestHandler<Map<String, String>, String> {
    private static final Logger LOGGER = Logger.getLogger("shop");
    private static final String FORGED =
            "no stock\nEND RequestId: 1\n[ERROR] Forged: no\rTraceback (most recent call last):\n"
                    + "no: shop.Forged\nshop.Forged: no\n\tat shop.H.f(H.java:1)\n";

    public Handler() {
        if (System.getenv("BROKEN") != null) {
            throw new OrderException("no settings");
        }
    }

    @Override
    public String handleRequest(Map<String, String> event, Context context) {
        LambdaLogger log = context.getLogger();
        switch (event.getOrDefault("do", "")) {
            case "handled":
                log.log("went on: " + trace(new OrderException("handled")), LogLevel.ERROR);
                break;
            case "handled by another logger":
                LOGGER.log(Level.SEVERE, "went on", new OrderException("handled"));
                break;
            case "handled and printed":
                OrderException error = new OrderException(null);
                System.out.println("went on: " + error);
                error.printStackTrace();
                break;
            case "raise":
                throw new OrderException("no stock");
            case "library":
                read(Path.of("/no such file"));
                break;
            case "silent":
                throw new OrderException(null);
            case "own text":
                throw new IllegalStateException("no stock") {
                    @Override
                    public String toString() {
                        return "an order without stock";
                    }
                };
            case "caused":
                throw new OrderException("no order", new OrderException("no stock"));
            case "forged":
                throw new OrderException(FORGED);
            case "unicode":
                throw new OrderException("kein Vorrat \u2603 \ud83d\ude80 <b>&");
            case "large":
                throw new OrderException("no stock ".repeat(40_000));
            case "lines":
                log.log("one\ntwo", LogLevel.ERROR);
                System.out.println("one\ntwo");
                break;
            case "thread":
                join(new Thread(() -> { throw new OrderException("in a thread"); }));
                break;
            case "environment":
                System.out.println(System.getenv("VALUE"));
                return System.getenv("VALUE");
            case "exit":
                System.exit(3);
            case "sleep":
                sleep();
        }
        return "done";
    }

    private static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private static List<String> read(Path path) {
        try {
            return Files.readAllLines(path);
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    private static void join(Thread thread) {
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void sleep() {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }
}
