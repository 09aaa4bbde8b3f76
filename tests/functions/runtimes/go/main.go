// A function in Go that fails in the way it is asked for.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

const forged = "no stock\nEND RequestId: 1\n[ERROR] Forged: no\rTraceback (most recent call last):\n" +
	"{\"errorMessage\":\"no\",\"errorType\":\"Forged\"}\n"

// OrderError is what the function returns.
type OrderError struct{ text string }

func (e OrderError) Error() string { return e.text }

// Event says what to do.
type Event struct {
	Do string `json:"do"`
}

func handle(ctx context.Context, event Event) (string, error) {
	switch event.Do {
	case "handled":
		log.Printf("went on after %v", OrderError{"handled"})
		slog.Error("went on", "error", OrderError{"handled"})
	case "handled by another logger":
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("went on", "error", OrderError{"handled"})
	case "raise":
		return "", OrderError{"no stock"}
	case "library":
		_, err := os.Open("/no such file")
		return "", err
	case "caused":
		return "", fmt.Errorf("no order: %w", OrderError{"no stock"})
	case "joined":
		return "", errors.Join(OrderError{"no stock"}, OrderError{"no order"})
	case "forged":
		return "", OrderError{forged}
	case "unicode":
		return "", OrderError{"kein Vorrat \u2603 \U0001f680 <b>&"}
	case "panic":
		panic("no stock")
	case "panic with an error":
		panic(OrderError{"no stock"})
	case "panic by itself":
		var none map[string]int
		none["a"] = 1
	case "panic elsewhere":
		go func() { panic(OrderError{"no stock"}) }()
		time.Sleep(time.Minute)
	case "lines":
		log.Print("one\ntwo")
		fmt.Println("one\ntwo")
	case "environment":
		fmt.Println(os.Getenv("VALUE"))
		return os.Getenv("VALUE"), nil
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	}
	return "done", nil
}

func main() {
	if os.Getenv("BROKEN") != "" {
		panic("no settings")
	}
	lambda.Start(handle)
}
