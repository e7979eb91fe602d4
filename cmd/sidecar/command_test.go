package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExitCodesAndErrorLines(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		code int
		want []string // begins of the lines on standard error
	}{
		"help":                     {[]string{"--help"}, exitOK, nil},
		"no command":               {nil, exitOK, nil},
		"an unknown command":       {[]string{"serv"}, exitUsage, []string{`sidecar: there is no command "serv", did you mean serve?`}},
		"an unknown flag":          {[]string{"serve", "--memroy=1"}, exitUsage, []string{"sidecar: unknown flag: --memroy (see sidecar serve --help)"}},
		"a flag that is no size":   {[]string{"serve", "--memory=lots"}, exitUsage, []string{`sidecar: invalid argument "lots" for "--memory" flag`}},
		"an argument too many":     {[]string{"version", "x"}, exitUsage, []string{`sidecar: unknown command "x" for "sidecar version"`}},
		"a role that is none":      {[]string{"warm", "--roles=gold", "s3://b/k"}, exitUsage, []string{"sidecar: --roles: "}},
		"a priority that is none":  {[]string{"warm", "--priority=urgent", "s3://b/k"}, exitUsage, []string{"sidecar: --priority: "}},
		"a path that is none":      {[]string{"explain", "lake/key"}, exitUsage, []string{`sidecar: "lake/key" is not a path such as s3://bucket/key`}},
		"an admin address":         {[]string{"explain", "--admin=ftp://x", "s3://b/k"}, exitUsage, []string{"sidecar: --admin: "}},
		"nobody at the admin port": {[]string{"explain", "--admin=127.0.0.1:1", "s3://b/k"}, exitFailure, []string{"sidecar: admin API at http://127.0.0.1:1: dial tcp"}},
		"contradictions": {
			[]string{"serve", "--origin=http://127.0.0.1:2", "--auth=none", "--listen=:9000", "--page-size=5000", "--tls-cert=missing.pem", "--tls-key=missing.key"},
			exitUsage,
			[]string{
				"sidecar: --auth: none is for a loopback listener",
				"sidecar: --page-size: 5000B is not a power of two",
				"sidecar: --tls-cert: read certificate ",
			},
		},
		"bad keys": {
			[]string{"check-config", "--origin=http://127.0.0.1:2", "--access-key=A", "--secret-key=secret-key", "--keys-file=missing.yaml"},
			exitUsage,
			[]string{"sidecar: --access-key: keyring: ", "sidecar: --keys-file: keyring: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, nil, tt.args...)
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d", code, tt.code)
			}
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if stderr == "" {
				lines = nil
			}
			for i, want := range tt.want {
				if i < len(lines) && strings.HasPrefix(lines[i], want) {
					lines[i] = want
				}
			}
			if diff := cmp.Diff(lines, tt.want); diff != "" {
				t.Errorf("standard error (-got +want):\n%s", diff)
			}
		})
	}
}

func TestCheckConfigShowsWhatServeWouldUse(t *testing.T) {
	environ := []string{"HEARTH_ORIGIN=https://s3.example.com", "HEARTH_ACCESS_KEY=READER", "HEARTH_SECRET_KEY=very-secret", "HEARTH_MEMROY=1"}
	code, stdout, stderr := run(t, environ, "check-config", "--memory=2GiB")
	if code != exitOK || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{"# --memory\n", "# HEARTH_ORIGIN\n", "(redacted)", "did you mean HEARTH_MEMORY?", "pages 1920MiB"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("lacks %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "very-secret") {
		t.Error("a secret is printed")
	}

	_, stdout, _ = run(t, environ, "check-config", "--json")
	var settings []struct{ Name, Source string }
	if err := json.Unmarshal([]byte(stdout), &settings); err != nil {
		t.Fatal(err)
	}
	if settings[0].Name != "listen" || settings[0].Source != "default" {
		t.Errorf("got %+v", settings[0])
	}
}

func TestVersion(t *testing.T) {
	code, stdout, _ := run(t, nil, "version")
	if code != exitOK || !strings.HasPrefix(stdout, "hearth ") {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	_, stdout, _ = run(t, nil, "version", "--json")
	var b buildInfo
	if err := json.Unmarshal([]byte(stdout), &b); err != nil || b.Version == "" || b.Embedded != embeddedStore {
		t.Errorf("got %+v, %v", b, err)
	}
}

// adminServer answers one request with a status and a body, and remembers it.
func adminServer(t *testing.T, status int, answer string) (environ []string, got *[]string) {
	t.Helper()
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests = append(requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization")+" "+string(body)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return []string{"HEARTH_ADMIN=" + server.URL, "HEARTH_ADMIN_TOKEN=t0ken"}, &requests
}

func TestAdminCommands(t *testing.T) {
	const answer = `{"path":"s3://b/p/","state":"warm","found":"cold","published":true,"pinned":true,"job":"7","receipt":{` +
		`"objects":3,"bytes":196608,"pages":3,"resident_objects":3,"resident_bytes":196608,"resident_pages":3,"skipped_objects":1,` +
		`"requests":{"list":1,"get":3,"head":0},"source":{"origin_bytes":196608},"rounds":2,"elapsed":"1.5s"}}`
	const nothing = "  resident  0 of 0 objects, 0 B of 0 B, 0 of 0 pages\n  origin    0 LIST, 0 GET, 0 HEAD, 0 B in 0 rounds\n  time      0s\n"
	for name, tt := range map[string]struct {
		args    []string
		status  int
		answer  string
		code    int
		request string
		stdout  string
	}{
		"warm": {
			[]string{"warm", "s3://b/p"},
			200, answer, exitOK,
			`POST /warm Bearer t0ken {"path":"s3://b/p","wait":"5m0s"}`,
			"s3://b/p/: warm, was cold, published, pinned, job 7\n" +
				"  resident  3 of 3 objects, 192 KiB of 192 KiB, 3 of 3 pages\n" +
				"  besides   1 objects that no query reads, or of a class that is never cached\n" +
				"  origin    1 LIST, 3 GET, 0 HEAD, 192 KiB in 2 rounds\n" +
				"  time      1.5s\n",
		},
		"warm with everything": {
			[]string{"warm", "--wait=0", "--deadline=1m", "--pin=false", "--budget=1MiB", "s3://b/p"},
			202, `{"path":"s3://b/p/","state":"warming"}`, exitOK,
			`POST /warm Bearer t0ken {"path":"s3://b/p","wait":"0s","deadline":"1m0s","pin":false,"budget_bytes":1048576}`,
			"s3://b/p/: warming\n" + nothing,
		},
		"warm that is not done in time": {
			[]string{"warm", "s3://b/p"},
			200, `{"path":"s3://b/p/","state":"warming"}`, exitFailure,
			`POST /warm Bearer t0ken {"path":"s3://b/p","wait":"5m0s"}`,
			"s3://b/p/: warming\n" + nothing,
		},
		"warm as JSON": {
			[]string{"warm", "--json", "s3://b/p"},
			200, `{"state":"partial"}`, exitFailure,
			`POST /warm Bearer t0ken {"path":"s3://b/p","wait":"5m0s"}`,
			"{\n  \"state\": \"partial\"\n}\n",
		},
		"warm some roles, here and at the peers": {
			[]string{"warm", "--roles=pk,open", "--pk-columns=id", "--priority=high", "--fanout", "s3://b/p"},
			200, `{"path":"s3://b/p/","state":"warm","receipt":{"roles":{"pk":{"objects":1,"bytes":4096,"resident_bytes":4096}}},` +
				`"peers":[{"address":"10.0.0.1:9001","answer":{"state":"warm","receipt":{"bytes":4096,"resident_bytes":4096}}},` +
				`{"address":"10.0.0.2:9001","error":{"code":"peer_failed","message":"refused"}}]}`, exitFailure,
			`POST /warm Bearer t0ken {"path":"s3://b/p","wait":"5m0s","roles":["pk","open"],"pk_columns":["id"],"priority":"high","fanout":true}`,
			"s3://b/p/: warm\n  resident  0 of 0 objects, 0 B of 0 B, 0 of 0 pages\n  pk        4.00 KiB of 4.00 KiB\n" +
				"  origin    0 LIST, 0 GET, 0 HEAD, 0 B in 0 rounds\n  time      0s\n" +
				"  peer 10.0.0.1:9001: warm, 4.00 KiB of 4.00 KiB\n  peer 10.0.0.2:9001: refused\n",
		},
		"retain": {
			[]string{"retain", "--shard=u", "--version=7", "s3://b/t", "a_gen_1"},
			200, `{"retired":["t/_mem_wal/u/b_gen_2/"],"live":1,"spared":2,"pages":3,"bytes":4096,"objects":1,"generations":1,"pins":0}`, exitOK,
			`POST /retain Bearer t0ken {"table":"s3://b/t","shard":"u","live":["a_gen_1"],"shard_manifest_version":7}`,
			"retired t/_mem_wal/u/b_gen_2/\ndropped 3 pages (4.00 KiB) of 1 objects, 1 generations, 0 pins; 1 are live, 2 spared\n",
		},
		"retain nothing": {
			[]string{"retain", "s3://b/t"},
			200, `{}`, exitOK, `POST /retain Bearer t0ken {"table":"s3://b/t","live":[]}`,
			"dropped 0 pages (0 B) of 0 objects, 0 generations, 0 pins; 0 are live, 0 spared\n",
		},
		"generations": {
			[]string{"generations", "--limit=2", "s3://b/t/"},
			200, `{"total":3,"generations":[{"bucket":"b","prefix":"t/1/","state":"provisional"},` +
				`{"bucket":"b","prefix":"t/2/","state":"partial","publication":"confirmed","objects":2,"bytes":8192,"resident_bytes":4096}]}`, exitOK,
			`GET /generations?limit=2&prefix=s3%3A%2F%2Fb%2Ft%2F Bearer t0ken`,
			"STATE        PUBLICATION  RESIDENT              DECODED  GENERATION\n" +
				"provisional  -            -                     -        s3://b/t/1/\n" +
				"partial      confirmed    4.00 KiB of 8.00 KiB  -        s3://b/t/2/\nand 1 more; raise --limit\n",
		},
		"no generations": {
			[]string{"generations"},
			200, `{"total":0,"generations":[]}`, exitOK, `GET /generations?limit=1000 Bearer t0ken`, "no generations are known\n",
		},
		"evict an object": {
			[]string{"evict", "s3://b/p/k"},
			200, `{"pages":3,"bytes":196608,"objects":1,"facts":2,"generations":0,"pins":0}`, exitOK,
			`POST /invalidate Bearer t0ken {"path":"s3://b/p/k"}`,
			"s3://b/p/k: dropped 3 pages (192 KiB) of 1 objects, facts of 2, 0 generations, 0 pins\n",
		},
		"evict a folder": {
			[]string{"evict", "s3://b/p/"},
			200, `{}`, exitOK,
			`POST /invalidate Bearer t0ken {"prefix":"s3://b/p/"}`,
			"s3://b/p/: dropped 0 pages (0 B) of 0 objects, facts of 0, 0 generations, 0 pins\n",
		},
		"evict a bucket": {
			[]string{"evict", "--json", "s3://b"},
			200, `{}`, exitOK, `POST /invalidate Bearer t0ken {"prefix":"s3://b"}`, "{}\n",
		},
		"explain": {
			[]string{"explain", "s3://b/a b&c"},
			200, `{"bucket":"b","key":"a b&c","class":"never","rule":"r","why":"because"}`, exitOK,
			`GET /explain?path=s3%3A%2F%2Fb%2Fa+b%26c Bearer t0ken`,
			"path      s3://b/a b&c\nclass     never\nwhy       because\nrule      r\nfacts     none known\nresident  nothing\n",
		},
		"an error of the server": {
			[]string{"explain", "s3://b/k"},
			403, `{"error":{"code":"forbidden","message":"bucket b is not served","field":"path"}}`, exitFailure,
			"GET /explain?path=s3%3A%2F%2Fb%2Fk Bearer t0ken", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			environ, requests := adminServer(t, tt.status, tt.answer)
			code, stdout, stderr := run(t, environ, tt.args...)
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d; %s", code, tt.code, stderr)
			}
			if diff := cmp.Diff(*requests, []string{tt.request}); diff != "" {
				t.Errorf("requests (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(stdout, tt.stdout); diff != "" {
				t.Errorf("output (-got +want):\n%s", diff)
			}
			if tt.status >= 400 && !strings.Contains(stderr, "403 Forbidden: path: bucket b is not served\n") {
				t.Errorf("got %q", stderr)
			}
		})
	}
}

func TestAdminAddressComesFromTheServersEnvironment(t *testing.T) {
	for want, environ := range map[string][]string{
		"127.0.0.1:9001":         nil,
		"127.0.0.1:7":            {"HEARTH_ADMIN_LISTEN=0.0.0.0:7"},
		"127.0.0.1:8":            {"HEARTH_ADMIN_LISTEN=:8"},
		"10.1.2.3:9":             {"HEARTH_ADMIN_LISTEN=10.1.2.3:9"},
		"https://127.0.0.1:9001": {"HEARTH_ADMIN_TLS_CERT=c.pem"},
		"http://other:1":         {"HEARTH_ADMIN=http://other:1", "HEARTH_ADMIN_LISTEN=:8"},
	} {
		p := process{environ: environ}
		if got := p.defaultAdmin(); got != want {
			t.Errorf("%v: got %s, want %s", environ, got, want)
		}
	}
}
