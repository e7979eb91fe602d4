package config

// Budget is how the memory of the process is divided. All values are bytes.
//
//	memory ──┬── Arena     pages, mapped outside the Go heap
//	         └── Facts     object facts, and a quarter for listings of
//	                       published generations, in the Go heap
//	index-cache ─ Indexes  decoded objects, in the Go heap
//	engine-write-memory ── rows that are not flushed yet, what a flush encodes them into,
//	                       and what queries have read of them before; in the Go heap, if
//	                       engine-write is on
//	64 MiB + 5 % ───────── everything else in the Go heap
//
//	GoLimit = Facts + Indexes + 3 Writes + 64 MiB + memory/20, the value for GOMEMLIMIT
//
// The Go runtime does not see the arena, so its limit covers the rest alone.
type Budget struct {
	Arena   Bytes
	Facts   Bytes
	Indexes Bytes
	Writes  Bytes
	GoLimit Bytes
}

// Facts take a sixteenth of the memory: at 1 GiB that is room for the facts of
// some 190,000 objects, whose pages alone would need 12 GiB, and for the listings
// of some 1,600 generations. The bounds keep a tiny cache able to remember its
// objects and a huge one from giving gigabytes to headers.
const (
	factsShare = 16
	minFacts   = 4 * MiB
	maxFacts   = 512 * MiB
	headroom   = 64 * MiB
)

// Budget divides the memory settings.
func (c Config) Budget() Budget {
	facts := min(max(c.Memory/factsShare, minFacts), maxFacts)
	var writes Bytes
	if c.EngineWrite.Or(false) {
		writes = c.EngineWriteMemory
	}
	return Budget{
		Arena:   c.Memory - facts,
		Facts:   facts,
		Indexes: c.IndexCache,
		Writes:  writes,
		GoLimit: facts + c.IndexCache + 3*writes + headroom + c.Memory/20/MiB*MiB,
	}
}
