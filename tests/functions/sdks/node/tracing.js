// Sets the SDK up before the function is loaded: `node --require ./tracing.js`.
const { propagation } = require("@opentelemetry/api");
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require("@opentelemetry/core");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { AwsLambdaInstrumentation } = require("@opentelemetry/instrumentation-aws-lambda");
const { AWSXRayPropagator } = require("@opentelemetry/propagator-aws-xray");
const { AWSXRayLambdaPropagator } = require("@opentelemetry/propagator-aws-xray-lambda");
const { defaultResource, resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const PROPAGATORS = {
  tracecontext: W3CTraceContextPropagator,
  baggage: W3CBaggagePropagator,
  xray: AWSXRayPropagator,
  "xray-lambda": AWSXRayLambdaPropagator,
};

const names = (process.env.OTEL_PROPAGATORS ?? "tracecontext,baggage").split(",");
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(
    resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME ?? process.env.AWS_LAMBDA_FUNCTION_NAME }),
  ),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
propagation.disable();
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: names.map((name) => new PROPAGATORS[name]()) }),
);
registerInstrumentations({
  tracerProvider: provider,
  instrumentations: [new AwsLambdaInstrumentation()],
});
