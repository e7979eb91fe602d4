package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.yaml.in/yaml/v3"
)

const chartFiles = "../charts/hearth/files/"

// A prometheus scrapes a sidecar each second, with the alerts of the chart loaded.
type prometheus struct{ url string }

func startPrometheus(t *testing.T, program string, s *sidecar) prometheus {
	t.Helper()
	dir := t.TempDir()
	alerts, err := filepath.Abs(filepath.Join(here, chartFiles, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: hearth
    static_configs: [{targets: [%q]}]
`, alerts, strings.TrimPrefix(s.Ops, "http://"))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	output := &lockedBuffer{}
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data goes with the folder
		_ = cmd.Wait()         // says that it was killed
		if t.Failed() {
			t.Logf("prometheus' log:\n%s", tail(output.String(), 20))
		}
	})
	return prometheus{"http://" + address}
}

// series returns how many series an expression has, and -1 while there is no answer.
func (p prometheus) series(t *testing.T, expr string) int {
	t.Helper()
	response, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return -1 // not up yet
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return -1
	}
	if answer.Status == "error" {
		t.Fatalf("%s: %s", expr, answer.Error)
	}
	return len(answer.Data.Result)
}

// threshold is what makes an alert of a figure.
var threshold = regexp.MustCompile(` (>|<|==) [0-9.]+\b`)

// figures returns what alerts and dashboard ask Prometheus, alerts without their thresholds.
func figures(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(here, chartFiles, "alerts.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			all["alert "+r.Alert] = threshold.ReplaceAllString(r.Expr, "")
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if text, err = os.ReadFile(filepath.Join(here, chartFiles, "dashboard.json")); err == nil {
		err = json.Unmarshal(text, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*")
	for _, p := range board.Panels {
		for i, target := range p.Targets {
			all[fmt.Sprintf("panel %s %d", p.Title, i)] = variables.Replace(target.Expr)
		}
	}
	return all
}

// Every query of the chart's alerts and of its dashboard returns data from a Prometheus that
// scrapes a running Hearth.
func TestAlertsAndDashboardFindTheirData(t *testing.T) {
	program, promtool := tool(t, "prometheus", "HEARTH_E2E_PROMETHEUS"), tool(t, "promtool", "HEARTH_E2E_PROMTOOL")
	t.Log(must(t, os.Environ(), promtool, "check", "rules", chartFiles+"alerts.yaml"))

	makeBucket(t, "monitored", "")
	place(t, "monitored", "db/part", make([]byte, 100_000))
	s := startSidecar(t, 0)
	p := startPrometheus(t, program, s)
	client := newSDK(t, s.S3)

	missing := figures(t)
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for len(missing) > 0 {
		read, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("monitored"), Key: aws.String("db/part")})
		if err == nil { // so that nothing stands still
			_, err = io.Copy(io.Discard, read.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, expr := range missing {
			if p.series(t, expr) > 0 {
				delete(missing, name)
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			for name, expr := range missing {
				t.Errorf("%s: no data: %s", name, expr)
			}
			return
		}
	}
	if n := p.series(t, `ALERTS{alertstate="firing"}`); n != 0 {
		t.Errorf("%d alerts fire on a healthy Hearth", n)
	}
}
