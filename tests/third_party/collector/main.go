// Replays dead letters as a collector does: finds the files of one signal minute by minute by the
// names that its awss3receiver looks for, decodes them with the collector's own decoders, and posts
// what it has decoded.
//
// Usage: collector BUCKET PREFIX FROM TO ENDPOINT, with times as in RFC 3339. The bucket and its
// credentials come from AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, ….
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// recode decodes a file of one signal, and encodes what was found in it.
type recode func([]byte) ([]byte, error)

func traces(content []byte) ([]byte, error) {
	found, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(content)
	if err != nil {
		return nil, err
	}
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(found)
}

func logs(content []byte) ([]byte, error) {
	found, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(content)
	if err != nil {
		return nil, err
	}
	return (&plog.ProtoMarshaler{}).MarshalLogs(found)
}

func metrics(content []byte) ([]byte, error) {
	found, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(content)
	if err != nil {
		return nil, err
	}
	return (&pmetric.ProtoMarshaler{}).MarshalMetrics(found)
}

var signals = map[string]recode{"traces": traces, "logs": logs, "metrics": metrics}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 6 {
		log.Fatal("usage: collector BUCKET PREFIX FROM TO ENDPOINT")
	}
	bucket, prefix, endpoint := os.Args[1], os.Args[2], os.Args[5]
	from, to := moment(os.Args[3]), moment(os.Args[4])
	client := s3.New(s3.Options{
		Region:       os.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_S3")),
		UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"),
			os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
	})
	for signal := range signals {
		for at := from; !at.After(to); at = at.Add(time.Minute) {
			start := at.Format("year=2006/month=01/day=02/hour=15/minute=04/") + signal + "_"
			if prefix != "" {
				start = prefix + "/" + start
			}
			for _, key := range keys(client, bucket, start) {
				if err := replay(client, bucket, key, signal, endpoint); err != nil {
					log.Fatalf("%s: %v", key, err)
				}
				fmt.Println(key)
			}
		}
	}
}

func moment(text string) time.Time {
	found, err := time.Parse(time.RFC3339, text)
	if err != nil {
		log.Fatal(err)
	}
	return found.UTC().Truncate(time.Minute)
}

func keys(client *s3.Client, bucket, start string) []string {
	found := []string{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &start})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		for _, each := range page.Contents {
			found = append(found, *each.Key)
		}
	}
	return found
}

func replay(client *s3.Client, bucket, key, signal, endpoint string) error {
	content, err := read(client, bucket, key)
	if err != nil {
		return err
	}
	request, err := signals[signal](content)
	if err != nil {
		return err
	}
	answer, err := http.Post(endpoint+"/v1/"+signal, "application/x-protobuf", bytes.NewReader(request))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the endpoint answers %s", answer.Status)
	}
	return nil
}

func read(client *s3.Client, bucket, key string) ([]byte, error) {
	object, err := client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer object.Body.Close()
	name, compressed := strings.CutSuffix(key, ".gz")
	if !strings.HasSuffix(name, ".binpb") {
		return nil, fmt.Errorf("not the name of a file of the marshaler otlp_proto")
	}
	if !compressed {
		return io.ReadAll(object.Body)
	}
	plain, err := gzip.NewReader(object.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}
