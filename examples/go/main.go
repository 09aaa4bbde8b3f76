// Reads a parameter and a secret through the extension's cache, and logs a JSON and a text line.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

var (
	client = &http.Client{Timeout: 5 * time.Second}
	lines  = slog.New(slog.NewJSONHandler(os.Stdout, nil))
)

// Event asks for a failure, or for time.
type Event struct {
	Fail  bool    `json:"fail"`
	Sleep float64 `json:"sleep"`
}

// Get tells how a value came.
type Get struct {
	Name  string `json:"name"`
	Cache string `json:"cache"`
}

// Answer is the greeting with its signature.
type Answer struct {
	Greeting  string `json:"greeting"`
	Signature string `json:"signature"`
	Gets      []Get  `json:"gets"`
}

func get(ctx context.Context, path, key, name string) (string, Get, error) {
	port := os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
	if port == "" {
		port = "2773"
	}
	address := "http://localhost:" + port + path + "?raw=true&" + key + "=" + url.QueryEscape(name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", Get{}, err
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", os.Getenv("AWS_SESSION_TOKEN"))
	answer, err := client.Do(request)
	if err != nil {
		return "", Get{}, err
	}
	defer answer.Body.Close()
	value, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", name, answer.Header.Get("x-amzn-errortype"))
	}
	return string(value), Get{Name: name, Cache: answer.Header.Get("X-Cache")}, err
}

func handle(ctx context.Context, event Event) (*Answer, error) {
	greeting, first, err := get(ctx, "/systemsmanager/parameters/get", "name", "/demo/greeting")
	if err != nil {
		return nil, err
	}
	secret, second, err := get(ctx, "/secretsmanager/get", "secretId", "demo/api-key")
	if err != nil {
		return nil, err
	}
	lines.Info("settings read", "parameter", first.Cache, "secret", second.Cache)
	log.Println("greeting with", greeting)
	time.Sleep(time.Duration(event.Sleep * float64(time.Second)))
	if event.Fail {
		return nil, errors.New("the event asked for a failure")
	}
	// The secret is used; neither the log nor the answer ever holds it.
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(greeting))
	signature := hex.EncodeToString(mac.Sum(nil))
	return &Answer{Greeting: greeting, Signature: signature, Gets: []Get{first, second}}, nil
}

func main() {
	lambda.Start(handle)
}
