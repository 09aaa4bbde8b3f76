// Exports 50 spans again and again with the SDK of Node.js; prints how long each forceFlush took.
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const SPANS = 50;
const TIMES = 50;
const WARM = 5;
const REST_MS = 30;

(async () => {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  const tracer = provider.getTracer("shop");
  const taken = [];
  for (let time = 0; time < WARM + TIMES; time++) {
    for (let number = 0; number < SPANS; number++) {
      tracer.startSpan("GET /stock", { attributes: { "order.id": number, shop: "berlin" } }).end();
    }
    const began = performance.now();
    await provider.forceFlush();
    taken.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
  process.stdout.write(JSON.stringify(taken.slice(WARM)));
  process.exit(0);
})();
