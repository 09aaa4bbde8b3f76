// GET a URL many times at once, each time over a connection of its own.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func get(client *http.Client) string {
	request, _ := http.NewRequest("GET", os.Getenv("URL"), nil)
	request.Header.Set("X-Aws-Parameters-Secrets-Token", os.Getenv("AWS_SESSION_TOKEN"))
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil {
		return err.Error()
	}
	return strconv.Itoa(answer.StatusCode)
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	counts, lock, all := map[string]int{}, sync.Mutex{}, sync.WaitGroup{}
	for range count {
		all.Add(1)
		go func() {
			defer all.Done()
			name := get(client)
			lock.Lock()
			defer lock.Unlock()
			counts[name]++
		}()
	}
	all.Wait()
	out, _ := json.Marshal(counts)
	fmt.Println(string(out))
}
