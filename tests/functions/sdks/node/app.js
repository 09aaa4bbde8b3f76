// A function with an OpenTelemetry SDK: spans of its own, a line, and the end it is asked for.
const { SpanKind, context, trace } = require("@opentelemetry/api");

const tracer = trace.getTracer("shop");

class OrderError extends Error {
  name = "OrderError";
}

exports.handler = async (event) => {
  tracer.startActiveSpan("price", { attributes: { "order.id": 7 } }, (price) => {
    tracer.startActiveSpan("GET /stock", { kind: SpanKind.CLIENT }, (stock) => {
      console.log("order 7");
      stock.end();
    });
    price.end();
  });
  for (let number = 0; number < (event.spans ?? 0); number++) {
    tracer.startSpan(`span ${number}`).end();
  }
  switch (event.do) {
    case "raise":
      throw new OrderError("no stock");
    case "sleep":
      await new Promise((resolve) => setTimeout(resolve, 60000));
  }
  return { statusCode: 200, body: "done" };
};
