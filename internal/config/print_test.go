package config

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNoSecretIsPrinted(t *testing.T) {
	file := "access-key: AK1\n"
	l, err := Load(Input{
		Environ:  []string{"HEARTH_CONFIG=h.yaml", "HEARTH_SECRET_KEY=hunter2", "HEARTH_ADMIN_TOKEN=hunter2"},
		ReadFile: files(map[string]string{"h.yaml": file}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := l.Print(&table); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(l.Settings())
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"table": table.String(), "JSON": string(asJSON)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the %s holds a secret:\n%s", form, text)
		}
		for _, shown := range []string{"AK1", "HEARTH_SECRET_KEY", Redacted, "h.yaml:1"} {
			if !strings.Contains(text, shown) {
				t.Errorf("the %s lacks %s:\n%s", form, shown, text)
			}
		}
	}
}

func TestPrintedSettingsAreAConfigurationFile(t *testing.T) {
	l, err := Load(Input{
		Environ:  []string{"HEARTH_CONFIG=h.yaml", "HEARTH_BUCKETS=a,b"},
		ReadFile: files(map[string]string{"h.yaml": "rules: [{match: '**/x: y', class: revalidate, max_age: 90s}]\n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := l.Print(&out); err != nil {
		t.Fatal(err)
	}
	again, err := Load(Input{
		Environ:  []string{"HEARTH_CONFIG=p.yaml"},
		ReadFile: files(map[string]string{"p.yaml": out.String()}),
	})
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if diff := cmp.Diff(again.Config, l.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-got +want):\n%s\nfrom\n%s", diff, out.String())
	}
}

func ExampleLoad() {
	loaded, err := Load(Input{Environ: []string{"HEARTH_MEMORY=256MiB", "HEARTH_PAGE_SIZE=100KiB"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(loaded.Memory, "from", loaded.Source("memory"))
	for _, p := range Problems(loaded.Validate(Build{Embedded: true})) {
		fmt.Println(p)
	}
	// Output:
	// 256MiB from HEARTH_MEMORY
	// HEARTH_PAGE_SIZE: 100KiB is not a power of two from 4KiB to 1MiB
}
