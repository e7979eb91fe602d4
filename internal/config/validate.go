package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of the page size. Below 4 KiB the bookkeeping of a page outweighs it;
// above 1 MiB one page is longer than most files of a generation.
const (
	MinPageSize = 4 * KiB
	MaxPageSize = MiB
)

// MinMemory is the smallest memory tier that can serve: facts, and enough pages
// for a run to be in flight while another is read.
const MinMemory = 16 * MiB

// MaxIndexCache is the largest sum of decoded objects: what lies in the Go heap costs
// the garbage collector time.
const MaxIndexCache = 1024 * GiB

// Build says what this binary can do.
type Build struct {
	// Embedded is true where the embedded directory store is compiled in.
	Embedded bool
}

// Validate finds every contradiction among the settings. The error joins one
// [Problem] for each, naming where the offending value came from. What only the
// owner of a value can judge is not checked here: the globs of rules, the content
// of files.
func (l *Loaded) Validate(b Build) error {
	v := &validator{loaded: l, build: b, report: &report{}}
	v.listeners()
	v.origin()
	v.access()
	v.cache()
	v.tables()
	v.warm()
	v.engine()
	v.observability()
	return v.report.err()
}

// Validate checks a Config that was not loaded, without places.
func (c Config) Validate(b Build) error { return (&Loaded{Config: c}).Validate(b) }

type validator struct {
	loaded *Loaded
	build  Build
	report *report
}

// fault reports a problem with the setting called name.
func (v *validator) fault(name, format string, args ...any) {
	v.report.found = append(v.report.found, v.loaded.Fault(name, format, args...))
}

// Fault returns a [Problem] with the setting called name, placed where its value
// came from: for what is wrong with a setting beyond what Validate can see.
func (l *Loaded) Fault(name, format string, args ...any) error {
	where := name
	if s := l.Source(name); s.Where != "" {
		where = s.Where
		if s.Layer == FromFile {
			where += ": " + name
		}
	}
	return &Problem{Where: where, What: fmt.Sprintf(format, args...)}
}

func (v *validator) oneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.fault(name, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

func (v *validator) listeners() {
	c := &v.loaded.Config
	taken := map[string]string{}
	for _, l := range []struct{ name, address, prefix, cert, key string }{
		{"listen", c.Listen, "", c.TLSCert, c.TLSKey},
		{"admin-listen", c.AdminListen, "admin-", c.AdminTLSCert, c.AdminTLSKey},
		{"ops-listen", c.OpsListen, "ops-", c.OpsTLSCert, c.OpsTLSKey},
	} {
		switch {
		case l.cert != "" && l.key == "":
			v.fault(l.prefix+"tls-cert", "a certificate needs its key: set %stls-key", l.prefix)
		case l.cert == "" && l.key != "":
			v.fault(l.prefix+"tls-key", "a key needs its certificate: set %stls-cert", l.prefix)
		}
		if l.address == "" {
			if l.name == "listen" {
				v.fault(l.name, "the S3 listener cannot be switched off")
			}
			continue
		}
		host, port, err := net.SplitHostPort(l.address)
		if err != nil {
			v.fault(l.name, "%q is not host:port", l.address)
			continue
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil {
			v.fault(l.name, "port %q is not a number from 0 to 65535", port)
			continue
		} else if n == 0 {
			continue // the system chooses, never twice the same
		}
		for other, name := range taken {
			oHost, oPort, _ := net.SplitHostPort(other)
			if oPort == port && (oHost == host || everywhere(oHost) || everywhere(host)) {
				v.fault(l.name, "%s is already the address of %s", l.address, name)
			}
		}
		taken[l.address] = l.name
	}
	if d := c.Domain; strings.ContainsAny(d, "/: ") || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") {
		v.fault("domain", "%q is not a host name such as s3.local", d)
	}
	if c.MaxConnections < 1 {
		v.fault("max-connections", "%d is less than 1", c.MaxConnections)
	}
	if c.DrainTimeout < 0 {
		v.fault("drain-timeout", "%s is negative", c.DrainTimeout)
	}
}

func (v *validator) origin() {
	c := &v.loaded.Config
	o, err := ParseOrigin(c.Origin)
	switch {
	case err != nil:
		v.fault("origin", "%v", err)
	case o.Kind == OriginDir && !v.build.Embedded:
		v.fault("origin", "this build has no embedded store: set origin to a URL or to aws")
	case o.Kind == OriginURL:
		for name, address := range map[string]string{"listen": c.Listen, "admin-listen": c.AdminListen, "ops-listen": c.OpsListen} {
			if address != "" && pointsAt(o.URL, address) {
				v.fault("origin", "%s is this process's own %s", c.Origin, name)
			}
		}
	}
	if c.OriginConcurrency < 2 || c.OriginConcurrency > 4096 {
		v.fault("origin-concurrency", "%d is not between 2 (one for demand, one for prefetch) and 4096", c.OriginConcurrency)
	}
	for name, d := range map[string]time.Duration{"origin-timeout": c.OriginTimeout, "origin-idle-timeout": c.OriginIdleTimeout} {
		if d < 100*time.Millisecond {
			v.fault(name, "%s is shorter than 100ms", d)
		}
	}
	if c.OriginTries < 1 || c.OriginTries > 10 {
		v.fault("origin-tries", "%d is not between 1 and 10", c.OriginTries)
	}
	for _, b := range c.Buckets {
		if strings.ContainsAny(b, "/*? ") {
			v.fault("buckets", "%q is not a bucket name", b)
		}
	}
}

func (v *validator) access() {
	c := &v.loaded.Config
	v.oneOf("auth", c.Auth, "sigv4", "none")
	switch {
	case c.AccessKey != "" && c.SecretKey == "":
		v.fault("access-key", "an access key needs its secret: set secret-key")
	case c.AccessKey == "" && c.SecretKey != "":
		v.fault("secret-key", "a secret needs its access key: set access-key")
	}
	haveKeys := c.AccessKey != "" || c.KeysFile != ""
	origin, err := ParseOrigin(c.Origin)
	makesKeys := err != nil || origin.Kind == OriginDir
	switch {
	case c.Auth == "none" && haveKeys:
		v.fault("auth", "none lets everybody in, and yet there are keys: remove one of the two")
	case c.Auth == "none" && !loopback(c.Listen):
		v.fault("auth", "none is for a loopback listener, and listen is %s", c.Listen)
	case c.Auth == "sigv4" && !haveKeys && !makesKeys:
		v.fault("auth", "sigv4 needs a key that clients sign with: set access-key and secret-key, or keys-file")
	}
	haveToken := c.AdminToken != "" || c.AdminTokenFile != ""
	if c.AdminToken != "" && c.AdminTokenFile != "" {
		v.fault("admin-token-file", "admin-token is set too: remove one of the two")
	}
	if c.AdminListen != "" && !loopback(c.AdminListen) && !haveToken {
		v.fault("admin-listen", "%s can be reached from outside and asks for no token: set admin-token-file or use a loopback address", c.AdminListen)
	}
}

func (v *validator) cache() {
	c := &v.loaded.Config
	if p := c.PageSize; p < MinPageSize || p > MaxPageSize || p&(p-1) != 0 {
		v.fault("page-size", "%s is not a power of two from %s to %s", p, MinPageSize, MaxPageSize)
	}
	switch {
	case c.PageSize > c.Memory:
		v.fault("page-size", "%s does not fit in memory, %s", c.PageSize, c.Memory)
	case c.Memory < MinMemory:
		v.fault("memory", "%s is less than %s", c.Memory, MinMemory)
	}
	if c.IndexCache < 0 || c.IndexCache > MaxIndexCache {
		v.fault("index-cache", "%s is not between 0 and %s", c.IndexCache, MaxIndexCache)
	}
}

func (v *validator) engine() {
	c := &v.loaded.Config
	if c.EngineConcurrency < 0 || c.EngineConcurrency > 10_000 {
		v.fault("engine-concurrency", "%d is not between 0 and 10000", c.EngineConcurrency)
	}
	if c.EngineTimeout < 100*time.Millisecond || c.EngineTimeout > time.Hour {
		v.fault("engine-timeout", "%s is not between 100ms and 1h", c.EngineTimeout)
	}
	if c.EngineTables < 1 || c.EngineTables > 100_000 {
		v.fault("engine-tables", "%d is not between 1 and 100000", c.EngineTables)
	}
	if c.EngineMaxK < 1 || c.EngineMaxK > 1_000_000 {
		v.fault("engine-max-k", "%d is not between 1 and 1000000", c.EngineMaxK)
	}
	if c.Engine == On && c.AdminListen == "" {
		v.fault("engine", "it answers at the admin listener, and admin-listen is empty")
	}
	v.engineWrites()
}

func (v *validator) engineWrites() {
	c := &v.loaded.Config
	if c.EngineWriteTables < 1 || c.EngineWriteTables > 10_000 {
		v.fault("engine-write-tables", "%d is not between 1 and 10000", c.EngineWriteTables)
	}
	if c.EngineWriteBody < KiB || c.EngineWriteBody > MaxIndexCache {
		v.fault("engine-write-body", "%s is not between %s and %s", c.EngineWriteBody, Bytes(KiB), MaxIndexCache)
	}
	if c.EngineWriteIdle < time.Second {
		v.fault("engine-write-idle", "%s is less than 1s", c.EngineWriteIdle)
	}
	if c.EngineFlushRows < 1 || c.EngineFlushRows > 100_000_000 {
		v.fault("engine-flush-rows", "%d is not between 1 and 100000000", c.EngineFlushRows)
	}
	if c.EngineFlushBytes < MiB || c.EngineFlushBytes > MaxIndexCache {
		v.fault("engine-flush-bytes", "%s is not between %s and %s", c.EngineFlushBytes, Bytes(MiB), MaxIndexCache)
	}
	if c.EngineWriteMemory < c.EngineFlushBytes || c.EngineWriteMemory > MaxIndexCache {
		v.fault("engine-write-memory", "%s is not between engine-flush-bytes, %s, and %s", c.EngineWriteMemory, c.EngineFlushBytes, MaxIndexCache)
	}
	if c.EngineFlushAge < 0 || c.EngineFlushAge > 0 && c.EngineFlushAge < time.Second {
		v.fault("engine-flush-age", "%s is neither 0 nor at least 1s", c.EngineFlushAge)
	}
	if c.EngineWarmTimeout < 0 || c.EngineWarmTimeout > 10*time.Minute {
		v.fault("engine-warm-timeout", "%s is not between 0s and 10m", c.EngineWarmTimeout)
	}
	if c.EngineWrite == On && (c.AdminListen == "" || c.Engine == Off) {
		v.fault("engine-write", "it is done at the admin listener by the engine, and one of them is off")
	}
}

func (v *validator) tables() {
	c := &v.loaded.Config
	seen := map[string]bool{}
	for i, t := range c.Tables {
		match := strings.TrimSuffix(t.Match, "/")
		bucket, key, _ := strings.Cut(strings.TrimPrefix(match, "s3://"), "/")
		placed := strings.HasPrefix(match, "s3://")
		switch age := t.MutableMaxAge; {
		case match == "" || placed && key == "":
			v.fault("tables", "table %d: %q matches no table: give a path such as s3://bucket/table.lance, or a glob", i+1, t.Match)
		case seen[match]:
			v.fault("tables", "table %d: %s is there twice", i+1, t.Match)
		case placed && len(c.Buckets) > 0 && !strings.ContainsAny(bucket, "*?") && !slices.Contains(c.Buckets, bucket):
			v.fault("tables", "table %d: the bucket of %s is not among buckets", i+1, t.Match)
		case age < 0:
			v.fault("tables", "table %d: mutable-max-age %s is negative", i+1, age)
		case age > 0 && age < minMutableMaxAge, age > maxMutableMaxAge:
			v.fault("tables", "table %d: mutable-max-age %s is not between %s and %s", i+1, age, minMutableMaxAge, maxMutableMaxAge)
		}
		seen[match] = true
	}
}

// Limits of mutable-max-age: a few round trips fit into the shorter one, and who wants
// more than the longer one has forgotten that tables change.
const (
	minMutableMaxAge = 100 * time.Millisecond
	maxMutableMaxAge = time.Hour
)

func (v *validator) warm() {
	c := &v.loaded.Config
	seen := map[string]bool{}
	for i, t := range c.Watch {
		rest, ok := strings.CutPrefix(t.Table, "s3://")
		bucket, key, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
		switch {
		case !ok || bucket == "" || key == "":
			v.fault("watch", "table %d: %q is not a path such as s3://bucket/table.lance", i+1, t.Table)
		case seen[bucket+"/"+key]:
			v.fault("watch", "table %d: %s is watched twice", i+1, t.Table)
		case len(c.Buckets) > 0 && !slices.Contains(c.Buckets, bucket):
			v.fault("watch", "table %d: the bucket of %s is not among buckets", i+1, t.Table)
		case t.Interval != 0 && t.Interval < 100*time.Millisecond:
			v.fault("watch", "table %d: interval %s is shorter than 100ms", i+1, t.Interval)
		}
		seen[bucket+"/"+key] = true
	}
	switch {
	case c.ReadyDeadline < 0:
		v.fault("ready-deadline", "%s is negative", c.ReadyDeadline)
	case c.ReadyDeadline > 0 && len(c.Watch) == 0:
		v.fault("ready-deadline", "there is nothing to wait for: watch lists no table")
	}
	if c.Peers != "" {
		u, err := url.Parse(c.Peers)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/":
			v.fault("peers", "%q is not a URL such as http://hearth-headless:9001", c.Peers)
		case c.AdminListen == "":
			v.fault("peers", "peers ask each other through the admin listener, which is switched off")
		}
	}
}

func (v *validator) observability() {
	c := &v.loaded.Config
	v.oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	v.oneOf("log-format", c.LogFormat, "json", "text")
	if c.TraceEndpoint != "" {
		if u, err := url.Parse(c.TraceEndpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.fault("trace-endpoint", "%q is not a URL such as http://localhost:4318", c.TraceEndpoint)
		}
	}
	if c.TraceRatio < 0 || c.TraceRatio > 1 {
		v.fault("trace-ratio", "%g is not between 0 and 1", c.TraceRatio)
	}
}

// loopback reports whether address can be reached from this machine alone. Names
// other than localhost are not looked up: what they mean may change.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// everywhere reports whether a listener on host takes the port of every address.
func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// pointsAt reports whether u is certainly served by the listener on address.
func pointsAt(u *url.URL, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return false
	}
	uPort := u.Port()
	if uPort == "" {
		uPort = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if uPort != port {
		return false
	}
	uLocal, local := loopback(net.JoinHostPort(u.Hostname(), uPort)), loopback(address)
	return u.Hostname() == host || uLocal && (local || everywhere(host))
}
