// A function with an OpenTelemetry SDK: spans of its own, a line, and the end it is asked for.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Event says what to do.
type Event struct {
	Do    string `json:"do"`
	Spans int    `json:"spans"`
}

// Answer is what an HTTP API expects.
type Answer struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func handle(ctx context.Context, raw json.RawMessage) (Answer, error) {
	var event Event
	if err := json.Unmarshal(raw, &event); err != nil {
		return Answer{}, err
	}
	tracer := otel.Tracer("shop")
	inside, price := tracer.Start(ctx, "price", trace.WithAttributes(attribute.Int("order.id", 7)))
	_, stock := tracer.Start(inside, "GET /stock", trace.WithSpanKind(trace.SpanKindClient))
	log.Print("order 7")
	stock.End()
	price.End()
	for number := range event.Spans {
		_, span := tracer.Start(ctx, fmt.Sprintf("span %d", number))
		span.End()
	}
	switch event.Do {
	case "raise":
		return Answer{}, errors.New("no stock")
	case "sleep":
		time.Sleep(time.Minute)
	}
	return Answer{200, "done"}, nil
}

func main() {
	provider, err := start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(traced(provider, handle))
}
