package admin

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// openapiText describes the API: see TestDocument and contract_test.go for what keeps it true.
//
//go:embed openapi.yaml
var openapiText []byte

// Where the description is.
const (
	openapiJSONPath = "/openapi.json"
	openapiYAMLPath = "/openapi.yaml"
)

// A document is the description of the API in its two forms.
type document struct {
	yaml, json []byte
}

// newDocument reads the description and makes JSON of it.
func newDocument(text []byte) (*document, error) {
	var parsed any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("admin: description of the API: %w", err)
	}
	encoded, err := json.Marshal(parsed)
	if err != nil {
		return nil, fmt.Errorf("admin: description of the API: %w", err)
	}
	return &document{yaml: text, json: append(encoded, '\n')}, nil
}

// inJSON answers with the description of this API, OpenAPI 3.1.
//
//	GET /openapi.json
func (d *document) inJSON(w http.ResponseWriter, r *http.Request) error {
	return answerText(w, r, "application/json", d.json)
}

// inYAML answers with the description as it was written.
//
//	GET /openapi.yaml
func (d *document) inYAML(w http.ResponseWriter, r *http.Request) error {
	return answerText(w, r, "application/yaml", d.yaml)
}

func answerText(w http.ResponseWriter, r *http.Request, kind string, body []byte) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has one
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone; nobody is left to tell
	return nil
}
