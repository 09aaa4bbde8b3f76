package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The scope of the official instrumentation, which the module proxy did not have when this was written:
// what follows makes the span that it documents.
const scope = "go.opentelemetry.io/contrib/instrumentation/github.com/aws/aws-lambda-go/otellambda"

type handler func(context.Context, json.RawMessage) (Answer, error)

// A user who reports to X-Ray hands Lambda's header in as the carrier.
func fromLambda() bool {
	return strings.Contains(os.Getenv("OTEL_PROPAGATORS"), "xray-lambda")
}

func start(ctx context.Context) (*sdk.TracerProvider, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	if fromLambda() {
		otel.SetTextMapPropagator(xray.Propagator{})
	} else {
		otel.SetTextMapPropagator(autoprop.NewTextMapPropagator())
	}
	return provider, nil
}

func carrier(raw json.RawMessage) propagation.MapCarrier {
	if fromLambda() {
		return propagation.MapCarrier{"X-Amzn-Trace-Id": os.Getenv("_X_AMZN_TRACE_ID")}
	}
	var event struct {
		Headers map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(raw, &event); err != nil {
		return nil
	}
	found := propagation.MapCarrier{}
	for name, value := range event.Headers {
		if strings.EqualFold(name, "X-Amzn-Trace-Id") {
			name = "X-Amzn-Trace-Id"
		}
		found[name] = value
	}
	return found
}

func traced(provider *sdk.TracerProvider, next handler) handler {
	tracer := provider.Tracer(scope)
	return func(ctx context.Context, raw json.RawMessage) (Answer, error) {
		ctx = otel.GetTextMapPropagator().Extract(ctx, carrier(raw))
		about, _ := lambdacontext.FromContext(ctx)
		ctx, span := tracer.Start(
			ctx, lambdacontext.FunctionName,
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(
				attribute.String("faas.invocation_id", about.AwsRequestID),
				attribute.String("aws.lambda.invoked_arn", about.InvokedFunctionArn),
				attribute.String("cloud.account.id", strings.Split(about.InvokedFunctionArn, ":")[4]),
			),
		)
		answer, failed := next(ctx, raw)
		span.End()
		if err := provider.ForceFlush(ctx); err != nil {
			log.Print(err)
		}
		return answer, failed
	}
}
