// A function in Go that fails in the way it is asked for.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// OrderError is what the function returns.
type OrderError struct{ text string }

func (e OrderError) Error() string { return e.text }

// Event says what to do.
type Event struct {
	Do string `json:"do"`
}

func handle(_ context.Context, event Event) (string, error) {
	switch event.Do {
	case "handled":
		log.Printf("went on after %v", OrderError{"handled"})
	case "raise":
		return "", OrderError{"no stock"}
	case "panic":
		panic("no stock")
	case "lines":
		log.Print("one\ntwo")
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	}
	return "done", nil
}

func main() { lambda.Start(handle) }
