package config

import "time"

// Config is every setting of the sidecar. The tags are the source of the flags,
// the environment names, the YAML keys and docs/configuration.md:
//
//	name     flag, YAML key and (upper case, HEARTH_ in front) variable
//	default  text form of the default; absent means empty
//	help     one line for --help
//	group    heading in --help and in docs/configuration.md
//	secret   "true": never printed
//	file     "true": the path of a file, made absolute when loaded
//	yaml     "only": a list of records without a flag or a variable
//
// The comment of a field is its long documentation: meaning, unit, and what
// raising it costs.
type Config struct {
	// Listen is the address that S3 clients talk to. Port 0 takes a free port,
	// which the start-up log names. A listener that is not loopback needs auth.
	Listen string `name:"listen" default:"127.0.0.1:9000" group:"Listeners" help:"address of the S3 listener"`
	// AdminListen is the address of the admin API: warm, invalidate, explain,
	// bypass. It answers the ops paths too. Beyond loopback it needs a token.
	// Empty switches the admin API off.
	AdminListen string `name:"admin-listen" default:"127.0.0.1:9001" group:"Listeners" help:"address of the admin listener, empty for none"`
	// OpsListen is the address of /healthz, /readyz and /metrics. It asks for no
	// credentials and tells no secrets, because kubelet and Prometheus reach it
	// from outside the pod. Empty switches it off.
	OpsListen string `name:"ops-listen" default:"127.0.0.1:9002" group:"Listeners" help:"address of /healthz, /readyz and /metrics, empty for none"`
	// TLSCert is the PEM file with the certificate chain of the S3 listener.
	// Certificate files are read again on SIGHUP. Empty means plain HTTP.
	TLSCert string `name:"tls-cert" file:"true" group:"Listeners" help:"PEM certificate chain of the S3 listener"`
	// TLSKey is the PEM file with the private key that belongs to tls-cert.
	TLSKey string `name:"tls-key" file:"true" group:"Listeners" help:"PEM private key of the S3 listener"`
	// AdminTLSCert is tls-cert for the admin listener.
	AdminTLSCert string `name:"admin-tls-cert" file:"true" group:"Listeners" help:"PEM certificate chain of the admin listener"`
	// AdminTLSKey is tls-key for the admin listener.
	AdminTLSKey string `name:"admin-tls-key" file:"true" group:"Listeners" help:"PEM private key of the admin listener"`
	// OpsTLSCert is tls-cert for the ops listener.
	OpsTLSCert string `name:"ops-tls-cert" file:"true" group:"Listeners" help:"PEM certificate chain of the ops listener"`
	// OpsTLSKey is tls-key for the ops listener.
	OpsTLSKey string `name:"ops-tls-key" file:"true" group:"Listeners" help:"PEM private key of the ops listener"`
	// Domain is the host suffix under which the first label of the Host header
	// is the bucket (virtual-hosted requests): with domain s3.local, the host
	// data.s3.local means bucket data. Empty means path-style requests only.
	Domain string `name:"domain" group:"Listeners" help:"host suffix of virtual-hosted requests, such as s3.local"`
	// MaxConnections is the largest number of client connections to the S3
	// listener. More wait in the system's queue until one closes. Raising it costs
	// some 40 KiB of memory for each connection in use.
	MaxConnections int `name:"max-connections" default:"4096" group:"Listeners" help:"largest number of client connections"`
	// DrainTimeout is how long requests in flight may take to finish after
	// SIGTERM before their connections are cut. Raising it delays the end of
	// the pod; keep it below terminationGracePeriodSeconds.
	DrainTimeout time.Duration `name:"drain-timeout" default:"25s" group:"Listeners" help:"time that requests in flight get to finish after SIGTERM"`

	// Origin is where the bytes come from: the URL of an S3 endpoint, aws for
	// the endpoint that the AWS SDK resolves from its own settings, or dir:PATH
	// for the embedded store over a directory.
	Origin string `name:"origin" default:"dir:./hearth-data" group:"Origin" help:"URL of an S3 endpoint, aws, or dir:PATH for the embedded store"`
	// OriginRegion is the region that requests to the origin are signed for.
	// Empty means what the AWS SDK finds (AWS_REGION, profile), and us-east-1
	// when it finds nothing and origin is a URL.
	OriginRegion string `name:"origin-region" group:"Origin" help:"region that origin requests are signed for, empty for the SDK's"`
	// OriginPathStyle puts the bucket in the path of origin requests instead of
	// the host name. auto means true for a URL and false for aws.
	OriginPathStyle Toggle `name:"origin-path-style" default:"auto" group:"Origin" help:"bucket in the path of origin requests: auto, true or false"`
	// OriginConcurrency is the largest number of fills and prefetches in flight at
	// the origin at once; a quarter of it is kept for what clients wait for. For
	// reads that are forwarded as they are there are as many besides, and for
	// writes; eight times as many may wait for these, and more are answered 503
	// SlowDown. Raising it costs a connection for each, and lets a warm take more
	// of the origin's bandwidth.
	OriginConcurrency int `name:"origin-concurrency" default:"128" group:"Origin" help:"largest number of cache fills in flight at the origin, of reads and of writes that are forwarded"`
	// OriginTimeout is how long the origin may take until the first byte of an
	// answer to a GET, HEAD or LIST. Raising it makes a dead origin noticed later.
	OriginTimeout time.Duration `name:"origin-timeout" default:"30s" group:"Origin" help:"longest wait for the origin's answer"`
	// OriginIdleTimeout is how long a body from or to the origin may stand still
	// before its connection is cut. It does not limit how long a transfer takes.
	// Raising it makes a stalled connection noticed later.
	OriginIdleTimeout time.Duration `name:"origin-idle-timeout" default:"15s" group:"Origin" help:"longest standstill of a body from the origin"`
	// OriginTries is how often a GET, HEAD or LIST is sent before its failure is
	// final; 1 means no retry. Writes are never sent twice. Raising it multiplies
	// the load on an origin that is already ill.
	OriginTries int `name:"origin-tries" default:"4" group:"Origin" help:"tries for a GET, HEAD or LIST; writes are never retried"`
	// Buckets is the allow-list of buckets, by exact name. Empty allows every
	// bucket that the origin credentials can reach.
	Buckets []string `name:"buckets" group:"Origin" help:"comma-separated buckets that may be used, empty for all"`

	// Auth says how the S3 listener knows its clients: sigv4 verifies every
	// request against the keys of this process; none lets everybody in and is
	// refused on a listener that is not loopback.
	Auth string `name:"auth" default:"sigv4" group:"Access" help:"sigv4, or none (loopback listener only)"`
	// Region is the region that clients have to sign for. Empty accepts whatever
	// region they sign for, so that they need not know the origin's; with one, a
	// signature for another is refused as S3 does, with the right one in the answer.
	Region string `name:"region" group:"Access" help:"region that clients have to sign for, empty for any"`
	// AccessKey is the access key id of one key that may do everything. With an
	// embedded store and no key at all, one is generated and kept in the store's
	// directory.
	AccessKey string `name:"access-key" group:"Access" help:"access key id that clients sign with"`
	// SecretKey is the secret that belongs to access-key. Prefer the variable or
	// keys-file: a flag can be seen in the process list.
	SecretKey string `name:"secret-key" secret:"true" group:"Access" help:"secret that belongs to access-key"`
	// KeysFile is a YAML file with further keys, each with scopes that limit it
	// to buckets and prefixes, for reading or writing. It is read again on
	// SIGHUP. Keep it readable by its owner alone. Its form:
	//
	//	keys:
	//	  - access_key: READERS
	//	    secret_key: at-least-eight-characters
	//	    scopes: # none means everything
	//	      - {bucket: "lake-*", prefix: tables/, access: read} # or write, readwrite
	KeysFile string `name:"keys-file" file:"true" group:"Access" help:"YAML file with keys and their scopes"`
	// AdminToken is the bearer token of the admin API. Empty asks for none,
	// which is refused on an admin listener that is not loopback.
	AdminToken string `name:"admin-token" secret:"true" group:"Access" help:"bearer token of the admin API"`
	// AdminTokenFile is a file whose content, without surrounding white space,
	// is the admin token.
	AdminTokenFile string `name:"admin-token-file" file:"true" group:"Access" help:"file that holds the admin token"`

	// Memory is the size of the memory tier: pages, and the facts of objects
	// (see "Memory of the process"). Pages live outside the Go heap.
	// The process needs at most this, index-cache, 64 MiB and 5 % more, and with
	// engine-write three times engine-write-memory; GOMEMLIMIT is set from them
	// unless the environment sets one. Raising it costs exactly
	// that much of the pod's memory limit.
	Memory Bytes `name:"memory" default:"1GiB" group:"Cache" help:"size of the memory tier"`
	// IndexCache is how much memory decoded objects of generations may take: keys,
	// bloom filters, dictionaries and graphs of indexes. The engine uses them, and
	// warms fill it while the engine is on, or if they are asked to. Clients of
	// the S3 listener do not need them. What a query is using at the moment comes
	// on top. 0 keeps nothing. Raising it costs that much of the pod's memory
	// limit, beside memory, as far as it is used.
	IndexCache Bytes `name:"index-cache" default:"128MiB" group:"Cache" help:"memory for decoded indexes of generations, 0 for none"`
	// PageSize is the unit of caching, a power of two from 4KiB to 1MiB. Larger
	// pages mean fewer origin requests and less bookkeeping, and more bytes
	// fetched that nobody asked for.
	PageSize Bytes `name:"page-size" default:"64KiB" group:"Cache" help:"unit of caching, a power of two"`
	// Rules say how keys may be cached. The first rule whose glob matches wins;
	// built-in rules, which know the names that Lance generates, follow after
	// them. Read again on SIGHUP.
	Rules []Rule `name:"rules" yaml:"only" group:"Cache" help:"how keys may be cached, first match wins"`
	// WriteThrough keeps what is written through this process: the bodies of objects
	// that do not change afterwards (data, indexes, generations) become pages of the
	// cache on their way to the origin, so that warming a generation right after a
	// flush fetches none of these bytes; it asks with one HEAD for each object. auto
	// means true. Writes under way take an eighth of the page memory at most; larger
	// ones, and multipart uploads, pass by. false leaves the memory to what is read.
	WriteThrough Toggle `name:"write-through" default:"auto" group:"Cache" help:"keep what is written as pages: auto (true), true or false"`
	// Tables are Lance tables whose mutable state (which shards, generations and
	// versions there are) may be served a little out of date, so that the first
	// query of a client does not wait for the origin. The first entry that matches
	// a table counts; a table that none matches is always current. While a table
	// is in use (asked about, warmed or looked at by watch within the last minute),
	// its state is asked for in the background, twice within the time given, which
	// takes some four requests for each shard and three for the base; snapshots of
	// all tables together take at most 16 MiB, of at most 64 tables at a time, and
	// none of a table with more than 1,000 shards. A table that is written through this
	// process is current for its readers: nothing is served out of date until ten
	// minutes after the last write. Only what is written elsewhere is seen late.
	// Read again on SIGHUP.
	Tables []Table `name:"tables" yaml:"only" group:"Cache" help:"tables whose mutable state may be served out of date"`

	// WarmOnOpen warms a generation in the background when a client begins to read
	// it and nobody has warmed it before. auto means true. It costs the bytes of a
	// generation where a query needed some of them; false leaves warming to hooks
	// and to watch.
	WarmOnOpen Toggle `name:"warm-on-open" default:"auto" group:"Warm" help:"warm a generation when it is first read: auto (true), true or false"`
	// Watch lists the tables that are kept warm without anybody calling: what is
	// published is warmed, what is compacted away is dropped.
	Watch []Watch `name:"watch" yaml:"only" group:"Warm" help:"tables that are kept warm without hooks"`
	// ReadyDeadline makes /readyz wait until every table of watch has been warm
	// once, but no longer than this. Later the process stays ready, whatever
	// becomes of the cache. 0 does not wait. Raising it delays the start of a pod
	// whose origin is slow or ill.
	ReadyDeadline time.Duration `name:"ready-deadline" default:"0s" group:"Warm" help:"longest wait of /readyz for watched tables to be warm, 0 for none"`
	// Peers is the URL of the admin listeners of all pods behind one name, that of
	// a headless Service, such as http://hearth-headless:9001. A warm with fanout
	// asks each address that the name has, but this process's own. All of them
	// need the same admin token. Empty means that there are no peers.
	Peers string `name:"peers" group:"Warm" help:"URL of a headless Service's admin listeners, for warms with fanout"`

	// Engine answers queries on tables at the admin listener, below /v1/tables: scans,
	// lookups, searches. auto means true. It costs nothing until it is asked; then
	// index-cache, and a few batches of rows for each query that runs.
	Engine Toggle `name:"engine" default:"auto" group:"Engine" help:"answer queries on tables at the admin listener: auto (true), true or false"`
	// EngineConcurrency is how many queries run at once; sixteen times as many may
	// wait for their turn, and more are answered 429. 0 means twice the number of
	// processors. Raising it costs memory, up to some 80 MiB for each scan of a table
	// of many wide rows, and lets queries take processor time from the S3 listener.
	EngineConcurrency int `name:"engine-concurrency" default:"0" group:"Engine" help:"queries that run at once, 0 for twice the processors"`
	// EngineTimeout is the longest time from a query to the end of its answer; a
	// query may ask for less. Raising it lets slow clients and large scans hold
	// their slot for longer.
	EngineTimeout time.Duration `name:"engine-timeout" default:"1m" group:"Engine" help:"longest time of a query"`
	// EngineTables is how many tables stay open between queries. One that is not
	// open costs its first query a look at every shard. Raising it costs some
	// kilobytes a table, and two bytes for each row that another one hides.
	EngineTables int `name:"engine-tables" default:"64" group:"Engine" help:"tables that stay open"`
	// EngineMaxK is the most rows that a search may ask for, and the most keys of
	// a lookup: such answers are made as a whole, and not streamed.
	EngineMaxK int `name:"engine-max-k" default:"10000" group:"Engine" help:"most results of a search, and keys of a lookup"`
	// EngineWrite takes rows for tables at the admin listener, below /v1/tables: it
	// creates tables, puts, deletes and flushes. auto means false: it changes data,
	// with the credentials of the origin, for everybody who may call the admin
	// API. A table that is written to costs memory for the rows that are not
	// flushed yet; see engine-write-memory. Closing down takes up to
	// drain-timeout, for the rows to be flushed; those that are not are in the
	// table's log.
	EngineWrite Toggle `name:"engine-write" default:"auto" group:"Engine" help:"write to tables at the admin listener: auto (false), true or false"`
	// EngineWriteTables is how many tables may have a writer at once. One more
	// table closes the writer that was not used for longest, with a flush; while
	// all of them are in use, requests for it wait, and are answered 429.
	EngineWriteTables int `name:"engine-write-tables" default:"16" group:"Engine" help:"tables that are written to at once"`
	// EngineWriteMemory bounds the rows of all tables that are in memory: those that
	// requests bring, and those that wait to be flushed. A request beyond it waits
	// while the largest is flushed, and is answered 429 after ten seconds. Raising
	// it costs up to three times as much of the pod's memory limit, as rows that are
	// being flushed are encoded beside, and those that queries ask for before
	// the flush once more.
	EngineWriteMemory Bytes `name:"engine-write-memory" default:"256MiB" group:"Engine" help:"memory for rows that are not flushed yet"`
	// EngineWriteBody is the longest body of a request that writes. It is taken in
	// batches, so raising it costs no memory; it lets one request take longer.
	EngineWriteBody Bytes `name:"engine-write-body" default:"256MiB" group:"Engine" help:"longest body of a request that writes"`
	// EngineWriteIdle is how long a table's writer stays open without a request.
	// Then its rows are flushed. Somebody else who writes to the table takes its
	// shards over at any time.
	EngineWriteIdle time.Duration `name:"engine-write-idle" default:"10m" group:"Engine" help:"time after which a writer that nobody uses is closed"`
	// EngineFlushRows is how many rows of a shard lie in memory at most before they
	// are flushed. Each flush makes a generation, and queries ask all of them:
	// raising this, engine-flush-bytes and engine-flush-age makes fewer and larger
	// ones, of which other readers hear later.
	EngineFlushRows int `name:"engine-flush-rows" default:"100000" group:"Engine" help:"rows of a shard at which they are flushed"`
	// EngineFlushBytes is the size of a shard's rows at which they are flushed.
	EngineFlushBytes Bytes `name:"engine-flush-bytes" default:"64MiB" group:"Engine" help:"memory of a shard's rows at which they are flushed"`
	// EngineFlushAge is the age of a shard's oldest row at which its rows are
	// flushed. 0 means that age alone is no reason.
	EngineFlushAge time.Duration `name:"engine-flush-age" default:"10m" group:"Engine" help:"age of a shard's rows at which they are flushed, 0 for never"`
	// EngineWarmTimeout is how long a flush waits for its generation to be warm
	// before it is published, so that the first query after it reads nothing from
	// the origin. 0 does not warm. Raising it delays flushes while the origin is
	// slow or ill.
	EngineWarmTimeout time.Duration `name:"engine-warm-timeout" default:"5s" group:"Engine" help:"longest wait of a flush for its generation to be warm, 0 for none"`

	// LogLevel is the least severe level that is logged: debug, info, warn or
	// error. debug adds requests that were refused or failed, and those to the
	// origin that were tried again.
	LogLevel string `name:"log-level" default:"info" group:"Observability" help:"debug, info, warn or error"`
	// LogFormat is json, one object a line, or text for people.
	LogFormat string `name:"log-format" default:"json" group:"Observability" help:"json or text"`
	// TraceEndpoint is the URL of an OTLP/HTTP collector that traces are sent
	// to, such as http://localhost:4318. Empty means that nothing is traced and
	// no trace code runs.
	TraceEndpoint string `name:"trace-endpoint" group:"Observability" help:"URL of an OTLP/HTTP collector, empty for no tracing"`
	// TraceRatio is the share of requests that begin a trace of their own, from
	// 0 to 1; a request that arrives as part of a sampled trace is always
	// traced. Raising it costs some microseconds for each traced request.
	TraceRatio float64 `name:"trace-ratio" default:"0.01" group:"Observability" help:"share of requests that are traced, 0 to 1"`
}

// Rule gives the keys that match a glob their class.
type Rule struct {
	// Match is a glob over the key, or over s3://bucket/key if it begins with
	// s3://. * matches within one path component, ** is any number of components,
	// ? is one character.
	Match string `name:"match"`
	// Class is never (always the origin), revalidate (cached, each use confirmed)
	// or immutable (cached, never asked again).
	Class string `name:"class"`
	// MaxAge lets keys of class revalidate be served this long after a
	// confirmation without another. It raises how stale an answer may be.
	MaxAge time.Duration `name:"max-age"`
}

// Table says how far out of date the mutable state of tables may be.
type Table struct {
	// Match is a glob over the paths of tables, as in rules, such as
	// s3://lake/db/items.lance or s3://lake/db/*. With wildcards it matches names that
	// end in .lance, and __manifest, the catalog in each folder of tables, which LanceDB
	// lists when it connects; without them, any path.
	Match string `name:"match"`
	// MutableMaxAge is how long ago, at most, what is served was so at the origin: 100ms
	// to 1h, or 0 for always current. Shorter than ten round trips to the origin it has
	// little effect.
	MutableMaxAge time.Duration `name:"mutable-max-age"`
}

// Watch is a table that is kept warm.
type Watch struct {
	// Table is the path of the table, such as s3://lake/items.lance.
	Table string `name:"table"`
	// Interval is the time between two looks at the table, 5s if it is not given. A
	// look costs one LIST, and one GET for each shard.
	Interval time.Duration `name:"interval"`
}

// Toggle is a boolean that may be left to the program: auto, true or false.
type Toggle string

// The values of a Toggle.
const (
	Auto Toggle = "auto"
	On   Toggle = "true"
	Off  Toggle = "false"
)

// Or returns the value of t, or auto where t leaves it open.
func (t Toggle) Or(auto bool) bool {
	if t == On || t == Off {
		return t == On
	}
	return auto
}
