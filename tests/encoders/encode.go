// Secrets in base64, one a line, to what Go makes of each: number, encoder and form in base64.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"os"
	"strconv"
)

func toJSON(value any) string {
	written, _ := json.Marshal(value)
	return string(written)
}

func toXML(secret string) string {
	var out bytes.Buffer
	xml.EscapeText(&out, []byte(secret))
	return out.String()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for number := 0; lines.Scan(); number++ {
		raw, _ := base64.StdEncoding.DecodeString(lines.Text())
		secret := string(raw)
		forms := map[string]string{
			"json.Marshal":              toJSON(map[string]string{"s": secret}),
			"json.Marshal twice":        toJSON(toJSON(secret)),
			"json.Marshal three times":  toJSON(toJSON(toJSON(secret))),
			"url.QueryEscape":           url.QueryEscape(secret),
			"url.PathEscape":            url.PathEscape(secret),
			"url.UserPassword":          (&url.URL{Scheme: "https", Host: "h", User: url.UserPassword("u", secret)}).String(),
			"url.Values":                url.Values{"s": {secret}}.Encode(),
			"html.EscapeString":         html.EscapeString(secret),
			"xml.EscapeText":            toXML(secret),
			"strconv.Quote":             strconv.Quote(secret),
			"strconv.QuoteToASCII":      strconv.QuoteToASCII(secret),
			"base64.StdEncoding":        base64.StdEncoding.EncodeToString(raw),
			"base64.RawURLEncoding":     base64.RawURLEncoding.EncodeToString([]byte("u:" + secret)),
			"base64, url.QueryEscape":   url.QueryEscape(base64.StdEncoding.EncodeToString(raw)),
			"%x":                        fmt.Sprintf("%x", secret),
			"% X":                       fmt.Sprintf("% X", secret),
			"%v of bytes":               fmt.Sprintf("%v", map[string][]byte{"key": []byte(secret)}),
			"%#v of bytes":              fmt.Sprintf("%#v", []byte(secret)),
			"json.Marshal of bytes":     toJSON(map[string][]byte{"key": []byte(toJSON(secret))}),
			"json.Marshal of %q":        toJSON(fmt.Sprintf("%q", secret)),
		}
		for name, form := range forms {
			fmt.Printf("%d\t%s\t%s\n", number, name, base64.StdEncoding.EncodeToString([]byte(form)))
		}
	}
}
