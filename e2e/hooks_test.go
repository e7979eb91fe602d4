package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/doctest"
	"github.com/hearthcache/hearth/warm"
)

// documented returns a document with its blocks of code.
func documented(t *testing.T, file string) doctest.Page {
	t.Helper()
	page, err := doctest.ReadPage(filepath.Join(here, ".."), file)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestHooksOfTheDocumentationRun runs the hooks of docs/hooks.md, as they stand there, against a Hearth that asks for a
// token, and then where there is no Hearth: a hook must not fail then either.
func TestHooksOfTheDocumentationRun(t *testing.T) {
	const token = "a-token-for-hooks"
	s := startSidecar(t, 0, "--admin-token", token, "--warm-on-open=false")
	s.Token = token
	if err := store.EnsureBucket("lake"); err != nil {
		t.Fatal(err)
	}
	copyInto(t, "lake", func(string) bool { return true })
	ran := map[string]int{}
	for i, b := range documented(t, "docs/hooks.md").Blocks {
		name := fmt.Sprintf("%d %s %s", i+1, b.Section, b.Language)
		if b.Mark != "hook" {
			continue
		}
		ran[b.Language]++
		t.Run(name, func(t *testing.T) {
			run := hookRunner(t, b)
			if strings.Contains(b.Code, "/retain") {
				s.warm(t, "s3://lake/items.lance", http.StatusOK)
				out := run(t, s.Admin, s.S3, token)
				var r warm.Retained
				if err := json.Unmarshal([]byte(out), &r); err != nil || r.Live != 1 || len(r.Retired) < 3 {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			before := len(s.jobs(t))
			if status, text := s.call(t, http.MethodPost, "/invalidate", `{"prefix": "s3://lake/"}`); status != http.StatusOK {
				t.Fatalf("%d %s", status, text)
			}
			out := run(t, s.Admin, s.S3, token)
			jobs := s.jobs(t)
			if len(jobs) != before+1 {
				t.Fatalf("%d jobs, then %d; it printed %s", before, len(jobs), out)
			}
			ended := s.awaitJob(t, jobs[0].Job)
			if ended.State != warm.Warm || !strings.HasPrefix(ended.Path, "s3://lake/items.lance/") {
				t.Errorf("the hook's job: %+v", ended)
			}
			run(t, "http://127.0.0.1:1", s.S3, token) // nobody is there
		})
	}
	if ran["sh"] != 3 || ran["python"] != 1 || ran["js"] != 1 || ran["go"] != 1 || ran["rust"] != 1 {
		t.Errorf("the document has %v", ran)
	}
}

// jobs returns the jobs that are remembered, newest first.
func (s *sidecar) jobs(t *testing.T) []warm.Status {
	t.Helper()
	status, text := s.call(t, http.MethodGet, "/warm", "")
	var list struct{ Jobs []warm.Status }
	if err := json.Unmarshal(text, &list); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	return list.Jobs
}

// awaitJob waits for the end of a job.
func (s *sidecar) awaitJob(t *testing.T, id string) warm.Status {
	t.Helper()
	ticker, deadline := time.NewTicker(20*time.Millisecond), time.After(60*time.Second)
	defer ticker.Stop()
	for {
		status, text := s.call(t, http.MethodGet, "/warm/"+id, "")
		var j warm.Status
		if err := json.Unmarshal(text, &j); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		if j.Finished != nil {
			return j
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("the job does not end: %s", text)
		}
	}
}

// hookRunner returns what runs a block with an address, and returns what it printed. The block must succeed.
func hookRunner(t *testing.T, b doctest.Block) func(t *testing.T, admin, s3, token string) string {
	t.Helper()
	environment := func(env []string, admin, token string) []string {
		return append(env, "HEARTH_ADMIN="+admin, "HEARTH_ADMIN_TOKEN="+token,
			"PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	write := func(t *testing.T, name, code string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	switch b.Language {
	case "sh":
		if _, err := exec.LookPath("curl"); err != nil && strings.Contains(b.Code, "curl") {
			missing(t, "curl is not installed")
		}
		return func(t *testing.T, admin, _, token string) string {
			return must(t, environment(clientEnv(), admin, token), "sh", "-eu", write(t, "hook.sh", b.Code))
		}
	case "python":
		python := tool(t, "python3", "HEARTH_E2E_PYTHON")
		return func(t *testing.T, admin, _, token string) string {
			return must(t, environment(clientEnv(), admin, token), python, write(t, "hook.py", b.Code))
		}
	case "js":
		l := newLance(t)
		// The table that the document's text closes the writers of, with a row that is not flushed yet.
		return func(t *testing.T, admin, s3, token string) string {
			prelude := `
import { createRequire } from "node:module";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const db = await lancedb.connect("s3://lake", { storageOptions: JSON.parse(process.argv[2]) });
const table = await db.openTable("items");
const [row] = await table.query().limit(1).toArray();
await table.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll()
  .execute([{ id: "id-hook", text: row.text, n: row.n, vector: Array.from(row.vector) }]);
`
			return must(t, environment(l.env, admin, token), l.node, write(t, "hook.mjs", prelude+b.Code), storageOptions(s3))
		}
	case "go":
		code := "package main\n\nimport (\n\t\"context\"\n\n\t\"github.com/hearthcache/hearth/warm/hook\"\n)\n\n" +
			"func run(ctx context.Context) error {\n" + b.Code + "return nil\n}\n\n" +
			"func main() {\n\tif err := run(context.Background()); err != nil {\n\t\tpanic(err)\n\t}\n}\n"
		return func(t *testing.T, admin, _, token string) string {
			return must(t, environment(clientEnv(), admin, token), "go", "run", write(t, "main.go", code))
		}
	case "rust":
		program := rustHook(t, b.Code)
		return func(t *testing.T, admin, _, token string) string {
			return must(t, environment(clientEnv(), admin, token), program)
		}
	default:
		t.Fatalf("nobody knows how to run %s", b.Language)
		return nil
	}
}
