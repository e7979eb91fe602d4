package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var full = Build{Embedded: true}

func TestDefaultsAreValid(t *testing.T) {
	if err := Default().Validate(full); err != nil {
		t.Error(err)
	}
}

func TestContradictions(t *testing.T) {
	keyed := func(c *Config) {
		c.Origin, c.AccessKey, c.SecretKey = "https://s3.example.com", "AK", "secret"
	}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string // begin of the only problem; empty for none
	}{
		"auth none on every address":         {func(c *Config) { c.Auth, c.Listen = "none", ":9000" }, "auth: none is for a loopback listener"},
		"auth none on loopback":              {func(c *Config) { c.Auth = "none" }, ""},
		"auth none on IPv6 loopback":         {func(c *Config) { c.Auth, c.Listen = "none", "[::1]:9000" }, ""},
		"auth none with keys":                {func(c *Config) { c.Auth = "none"; keyed(c) }, "auth: none lets everybody in"},
		"auth of an unknown kind":            {func(c *Config) { c.Auth = "basic" }, `auth: "basic" is not one of sigv4, none`},
		"sigv4 without keys for a URL":       {func(c *Config) { c.Origin = "https://s3.example.com" }, "auth: sigv4 needs a key"},
		"sigv4 without keys for aws":         {func(c *Config) { c.Origin = "aws" }, "auth: sigv4 needs a key"},
		"sigv4 with keys for a URL":          {keyed, ""},
		"access key without a secret":        {func(c *Config) { c.AccessKey = "AK" }, "access-key: an access key needs its secret"},
		"secret without an access key":       {func(c *Config) { c.SecretKey = "s" }, "secret-key: a secret needs its access key"},
		"admin beyond loopback":              {func(c *Config) { c.AdminListen = "0.0.0.0:9001" }, "admin-listen: 0.0.0.0:9001 can be reached from outside"},
		"admin beyond loopback with a token": {func(c *Config) { c.AdminListen, c.AdminToken = "0.0.0.0:9001", "t" }, ""},
		"admin token twice":                  {func(c *Config) { c.AdminToken, c.AdminTokenFile = "t", "f" }, "admin-token-file: admin-token is set too"},
		"ops beyond loopback":                {func(c *Config) { c.OpsListen = ":9002" }, ""},
		"admin and ops switched off":         {func(c *Config) { c.AdminListen, c.OpsListen = "", "" }, ""},
		"S3 switched off":                    {func(c *Config) { c.Listen = "" }, "listen: the S3 listener cannot be switched off"},
		"an address without a port":          {func(c *Config) { c.OpsListen = "localhost" }, `ops-listen: "localhost" is not host:port`},
		"a port that is no number":           {func(c *Config) { c.OpsListen = "localhost:http" }, `ops-listen: port "http" is not a number`},
		"a port out of range":                {func(c *Config) { c.OpsListen = "localhost:65536" }, `ops-listen: port "65536" is not a number`},
		"an address twice":                   {func(c *Config) { c.OpsListen = c.Listen }, "ops-listen: 127.0.0.1:9000 is already the address of listen"},
		"an address hidden by a wildcard":    {func(c *Config) { c.OpsListen = ":9000" }, "ops-listen: :9000 is already the address of listen"},
		"free ports":                         {func(c *Config) { c.Listen, c.AdminListen, c.OpsListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0" }, ""},
		"a certificate without its key":      {func(c *Config) { c.TLSCert = "c" }, "tls-cert: a certificate needs its key: set tls-key"},
		"a key without its certificate":      {func(c *Config) { c.AdminTLSKey = "k" }, "admin-tls-key: a key needs its certificate: set admin-tls-cert"},
		"a certificate with its key":         {func(c *Config) { c.OpsTLSCert, c.OpsTLSKey = "c", "k" }, ""},
		"a domain with a dot in front":       {func(c *Config) { c.Domain = ".s3.local" }, `domain: ".s3.local" is not a host name`},
		"a domain with a port":               {func(c *Config) { c.Domain = "s3.local:9000" }, `domain: "s3.local:9000" is not a host name`},
		"no connections":                     {func(c *Config) { c.MaxConnections = 0 }, "max-connections: 0 is less than 1"},
		"a negative drain":                   {func(c *Config) { c.DrainTimeout = -time.Second }, "drain-timeout: -1s is negative"},
		"page size no power of two":          {func(c *Config) { c.PageSize = 96 * KiB }, "page-size: 96KiB is not a power of two"},
		"page size too small":                {func(c *Config) { c.PageSize = KiB }, "page-size: 1KiB is not a power of two from 4KiB to 1MiB"},
		"page size too large":                {func(c *Config) { c.PageSize = 2 * MiB }, "page-size: 2MiB is not a power of two from 4KiB to 1MiB"},
		"memory smaller than a page":         {func(c *Config) { c.Memory = 32 * KiB }, "page-size: 64KiB does not fit in memory, 32KiB"},
		"index cache too large":              {func(c *Config) { c.IndexCache = 2048 * GiB }, "index-cache: 2TiB is not between 0 and 1TiB"},
		"index cache negative":               {func(c *Config) { c.IndexCache = -1 }, "index-cache: -1B is not between 0 and 1TiB"},
		"engine concurrency negative":        {func(c *Config) { c.EngineConcurrency = -1 }, "engine-concurrency: -1 is not between 0 and 10000"},
		"an engine without time":             {func(c *Config) { c.EngineTimeout = 0 }, "engine-timeout: 0s is not between 100ms and 1h"},
		"an engine without tables":           {func(c *Config) { c.EngineTables = 0 }, "engine-tables: 0 is not between 1 and 100000"},
		"an engine without results":          {func(c *Config) { c.EngineMaxK = 0 }, "engine-max-k: 0 is not between 1 and 1000000"},
		"an engine that nobody can ask":      {func(c *Config) { c.Engine, c.AdminListen = On, "" }, "engine: it answers at the admin listener, and admin-listen is empty"},
		"a writer without an engine":         {func(c *Config) { c.EngineWrite, c.Engine = On, Off }, "engine-write: it is done at the admin listener by the engine, and one of them is off"},
		"a writer without a place":           {func(c *Config) { c.EngineWriteTables = 0 }, "engine-write-tables: 0 is not between 1 and 10000"},
		"less memory than a flush takes":     {func(c *Config) { c.EngineWriteMemory = MiB }, "engine-write-memory: 1MiB is not between engine-flush-bytes, 64MiB, and"},
		"bodies of nothing":                  {func(c *Config) { c.EngineWriteBody = 0 }, "engine-write-body: 0B is not between 1KiB and"},
		"writers that end at once":           {func(c *Config) { c.EngineWriteIdle = 0 }, "engine-write-idle: 0s is less than 1s"},
		"flushes of no rows":                 {func(c *Config) { c.EngineFlushRows = 0 }, "engine-flush-rows: 0 is not between 1 and 100000000"},
		"flushes of a few bytes":             {func(c *Config) { c.EngineFlushBytes = 7 }, "engine-flush-bytes: 7B is not between 1MiB and"},
		"flushes all the time":               {func(c *Config) { c.EngineFlushAge = 1 }, "engine-flush-age: 1ns is neither 0 nor at least 1s"},
		"a flush that waits for an hour":     {func(c *Config) { c.EngineWarmTimeout = time.Hour }, "engine-warm-timeout: 1h0m0s is not between 0s and 10m"},
		"an engine that is left to itself":   {func(c *Config) { c.AdminListen = "" }, ""},
		"memory too small":                   {func(c *Config) { c.Memory = 8 * MiB }, "memory: 8MiB is less than 16MiB"},
		"origin of an unknown kind":          {func(c *Config) { c.Origin = "ftp://x" }, "origin: it is not a URL"},
		"origin with credentials":            {func(c *Config) { keyed(c); c.Origin = "https://u:hunter2@h" }, "origin: credentials do not belong in a URL"},
		"origin with a path":                 {func(c *Config) { keyed(c); c.Origin = "https://h/bucket" }, "origin: https://h has more than scheme, host and port"},
		"origin with a trailing slash":       {func(c *Config) { keyed(c); c.Origin = "https://h/" }, ""},
		"origin is this process":             {func(c *Config) { keyed(c); c.Origin = "http://localhost:9000" }, "origin: http://localhost:9000 is this process's own listen"},
		"origin is the default port":         {func(c *Config) { keyed(c); c.Origin, c.Listen = "http://127.0.0.1", "127.0.0.1:80" }, "origin: http://127.0.0.1 is this process's own listen"},
		"origin dir without a path":          {func(c *Config) { c.Origin = "dir:" }, "origin: dir: names no directory"},
		"origin concurrency of one":          {func(c *Config) { c.OriginConcurrency = 1 }, "origin-concurrency: 1 is not between 2"},
		"no attempts":                        {func(c *Config) { c.OriginTries = 0 }, "origin-tries: 0 is not between 1 and 10"},
		"a timeout without time":             {func(c *Config) { c.OriginTimeout = 0 }, "origin-timeout: 0s is shorter than 100ms"},
		"a bucket that is a glob":            {func(c *Config) { c.Buckets = []string{"a*"} }, `buckets: "a*" is not a bucket name`},
		"a log level of its own":             {func(c *Config) { c.LogLevel = "loud" }, `log-level: "loud" is not one of`},
		"a log format of its own":            {func(c *Config) { c.LogFormat = "xml" }, `log-format: "xml" is not one of`},
		"a trace endpoint without a scheme":  {func(c *Config) { c.TraceEndpoint = "localhost:4318" }, `trace-endpoint: "localhost:4318" is not a URL`},
		"a watched table that is no path":    {func(c *Config) { c.Watch = []Watch{{Table: "lake/x"}} }, `watch: table 1: "lake/x" is not a path`},
		"a watched bucket":                   {func(c *Config) { c.Watch = []Watch{{Table: "s3://lake/"}} }, `watch: table 1: "s3://lake/" is not a path`},
		"a table watched twice":              {func(c *Config) { c.Watch = []Watch{{Table: "s3://lake/x"}, {Table: "s3://lake/x/"}} }, "watch: table 2: s3://lake/x/ is watched twice"},
		"a watched bucket that is off limits": {func(c *Config) {
			c.Buckets, c.Watch = []string{"sea"}, []Watch{{Table: "s3://lake/x"}}
		}, "watch: table 1: the bucket of s3://lake/x is not among buckets"},
		"a table watched all the time": {func(c *Config) { c.Watch = []Watch{{Table: "s3://lake/x", Interval: time.Millisecond}} }, "watch: table 1: interval 1ms"},
		"a table out of date":          {func(c *Config) { c.Tables = []Table{{"s3://lake/x", time.Second}, {Match: "**"}} }, ""},
		"a table before its time": {
			func(c *Config) { c.Tables = []Table{{"s3://lake/x", -time.Second}} }, "tables: table 1: mutable-max-age -1s is negative",
		},
		"a table hardly out of date": {
			func(c *Config) { c.Tables = []Table{{"s3://lake/x", time.Millisecond}} }, "tables: table 1: mutable-max-age 1ms is not between 100ms and 1h",
		},
		"a table long out of date": {
			func(c *Config) { c.Tables = []Table{{"s3://lake/x", 2 * time.Hour}} }, "tables: table 1: mutable-max-age 2h0m0s is not between",
		},
		"a table without a path": {func(c *Config) { c.Tables = []Table{{"s3://lake", time.Second}} }, `tables: table 1: "s3://lake" matches no table`},
		"a table there twice": {
			func(c *Config) { c.Tables = []Table{{"s3://lake/x", time.Second}, {"s3://lake/x/", 0}} }, "tables: table 2: s3://lake/x/ is there twice",
		},
		"a table in a bucket that is off limits": {func(c *Config) {
			c.Buckets, c.Tables = []string{"sea"}, []Table{{"s3://lake/x", time.Second}, {"s3://s*/x", time.Second}}
		}, "tables: table 1: the bucket of s3://lake/x is not among buckets"},
		"waiting for nothing":            {func(c *Config) { c.ReadyDeadline = time.Minute }, "ready-deadline: there is nothing to wait for"},
		"a negative wait for tables":     {func(c *Config) { c.ReadyDeadline = -time.Minute }, "ready-deadline: -1m0s is negative"},
		"waiting for a table":            {func(c *Config) { c.ReadyDeadline, c.Watch = time.Minute, []Watch{{Table: "s3://lake/x"}} }, ""},
		"peers without a scheme":         {func(c *Config) { c.Peers = "hearth:9001" }, `peers: "hearth:9001" is not a URL`},
		"peers without an admin address": {func(c *Config) { c.Peers, c.AdminListen = "http://hearth:9001", "" }, "peers: peers ask each other"},
		"a trace ratio above one":        {func(c *Config) { c.TraceRatio = 2 }, "trace-ratio: 2 is not between 0 and 1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			tt.change(&c)
			lines := texts(c.Validate(full))
			switch {
			case tt.want == "" && len(lines) != 0:
				t.Errorf("got %q, want no problem", lines)
			case tt.want != "" && (len(lines) != 1 || !strings.HasPrefix(lines[0], tt.want)):
				t.Errorf("got %q, want only %q", lines, tt.want)
			}
			if all := strings.Join(lines, " "); strings.Contains(all, "hunter2") {
				t.Errorf("a secret is printed: %s", all)
			}
		})
	}
}

func TestEmbeddedStoreIsRefusedWhereItIsNotBuiltIn(t *testing.T) {
	want := []string{"origin: this build has no embedded store: set origin to a URL or to aws"}
	if diff := cmp.Diff(texts(Default().Validate(Build{})), want); diff != "" {
		t.Errorf("problems (-got +want):\n%s", diff)
	}
}

func TestAllContradictionsAreReportedAtOnceWithTheirPlaces(t *testing.T) {
	l, err := Load(Input{
		Flags:    parse(t, "--config=h.yaml", "--auth=none", "--listen=:9000"),
		Environ:  []string{"HEARTH_TLS_CERT=c.pem"},
		ReadFile: files(map[string]string{"h.yaml": "\npage-size: 60KiB\n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"HEARTH_TLS_CERT: a certificate needs its key: set tls-key",
		"--auth: none is for a loopback listener, and listen is :9000",
		"h.yaml:2: page-size: 60KiB is not a power of two from 4KiB to 1MiB",
	}
	if diff := cmp.Diff(texts(l.Validate(full)), want); diff != "" {
		t.Errorf("problems (-got +want):\n%s", diff)
	}
}

func TestAdminTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	l := &Loaded{Config: Default()}
	l.AdminTokenFile = file
	if _, err := l.ReadAdminToken(); !errors.Is(err, ErrInvalid) {
		t.Errorf("missing file: got %v", err)
	}
	for text, want := range map[string]string{"  t0ken\n": "t0ken", " \n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := l.ReadAdminToken()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestBudgetSumsUp(t *testing.T) {
	for _, memory := range []Bytes{MinMemory, 64 * MiB, GiB, 64 * GiB, TiB} {
		c := Default()
		c.Memory = memory
		b := c.Budget()
		if b.Arena+b.Facts != memory || b.Arena <= 0 || b.Facts <= 0 {
			t.Errorf("memory %s: pages %s and facts %s", memory, b.Arena, b.Facts)
		}
		if b.Indexes != c.IndexCache {
			t.Errorf("memory %s: decoded indexes %s, want %s", memory, b.Indexes, c.IndexCache)
		}
		if over := b.Arena + b.GoLimit - memory - c.IndexCache; over > 64*MiB+memory/20 {
			t.Errorf("memory %s: the process may take %s more", memory, over)
		}
	}
}
