package charts

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/hearthcache/hearth/internal/config"
)

var update = flag.Bool("update", false, "write the schema and the golden files instead of comparing them")

//go:generate go test -run TestTheSchemaFollowsTheSettings -update .

// owned are the settings that the chart makes itself, from ports, keys, admin and fanout.
var owned = []string{
	"listen", "admin-listen", "ops-listen", "auth", "access-key", "secret-key", "keys-file", "admin-token", "admin-token-file", "peers",
}

const schemaFile = "hearth/values.schema.json"

// schema is that of values.yaml. What is free-form in Kubernetes is an object or a list
// here, which the API server checks.
func schema(t *testing.T) []byte {
	t.Helper()
	text := map[string]any{"type": "string"}
	yes := map[string]any{"type": "boolean"}
	count := map[string]any{"type": "integer", "minimum": 1}
	port := map[string]any{"type": "integer", "minimum": 1, "maximum": 65535}
	object := map[string]any{"type": "object"}
	list := map[string]any{"type": "array", "items": object}
	of := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	size := map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?([kKmMgGtT][iI]?)?[bB]?$`}
	root := of(map[string]any{
		"mode": map[string]any{"enum": []string{"daemonset", "sidecar"}},
		"image": of(map[string]any{
			"repository": text, "tag": text, "digest": text, "pullPolicy": map[string]any{"enum": []string{"Always", "IfNotPresent", "Never"}},
		}),
		"imagePullSecrets":  list,
		"nameOverride":      text,
		"fullnameOverride":  text,
		"config":            config.JSONSchema(owned...),
		"ports":             of(map[string]any{"s3": port, "admin": port, "ops": port}),
		"keys":              of(map[string]any{"existingSecret": text, "entry": text, "inline": list, "none": yes}),
		"admin":             of(map[string]any{"existingSecret": text, "entry": text}),
		"origin":            of(map[string]any{"existingSecret": text}),
		"serviceAccount":    of(map[string]any{"create": yes, "name": text, "annotations": object, "automountToken": yes}),
		"fanout":            of(map[string]any{"enabled": yes}),
		"resources":         of(map[string]any{"cpu": text, "cpuLimit": text, "memory": text, "memoryHeadroom": size}),
		"env":               list,
		"extraVolumes":      list,
		"extraVolumeMounts": list,
		"probes": of(map[string]any{
			"startupPeriodSeconds": count, "startupFailureThreshold": count, "livenessPeriodSeconds": count, "readinessPeriodSeconds": count,
		}),
		"podAnnotations":                object,
		"podLabels":                     object,
		"nodeSelector":                  object,
		"tolerations":                   list,
		"affinity":                      object,
		"priorityClassName":             text,
		"terminationGracePeriodSeconds": count,
		"updateStrategy":                object,
		"podSelector":                   object,
		"networkPolicy":                 of(map[string]any{"enabled": yes, "s3": list, "admin": list, "ops": list}),
		"serviceMonitor":                of(map[string]any{"enabled": yes, "interval": text, "labels": object}),
		"prometheusRule":                of(map[string]any{"enabled": yes, "labels": object}),
		"grafanaDashboard":              of(map[string]any{"enabled": yes, "labels": object}),
		"global":                        object,
	})
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheSchemaFollowsTheSettings(t *testing.T) {
	want := schema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s does not follow from the settings; run `go generate ./charts` (-got +want):\n%s", schemaFile, diff)
	}
}

func TestEverySettingIsOwnedOrAValue(t *testing.T) {
	var names []string
	for _, f := range config.Fields() {
		names = append(names, f.Name)
	}
	for _, name := range owned {
		if !slices.Contains(names, name) {
			t.Errorf("the chart owns %s, which is no setting", name)
		}
	}
}

// valuesOf reads a values file.
func valuesOf(t *testing.T, name string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(b, &values); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return values
}

func TestValuesAndSchemaHaveTheSameKeys(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(schema(t), &s); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "", valuesOf(t, "hearth/values.yaml"), s)
}

// sameKeys checks that values name every property of a schema, and none beside them.
func sameKeys(t *testing.T, path string, values, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		if path == "" && name == "global" || path == ".config" { // Helm's own; given as far as they deviate
			continue
		}
		v, ok := values[name]
		if !ok {
			t.Errorf("values.yaml lacks %s.%s", path, name)
		}
		if inner, ok := v.(map[string]any); ok && p.(map[string]any)["properties"] != nil {
			sameKeys(t, path+"."+name, inner, p.(map[string]any))
		}
	}
	for name := range values {
		if _, ok := properties[name]; !ok {
			t.Errorf("values.yaml has %s.%s, which the schema does not know", path, name)
		}
	}
}
