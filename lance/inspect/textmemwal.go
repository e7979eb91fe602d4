package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (t *text) memWAL(w *MemWAL) {
	if w == nil {
		return
	}
	t.section("MemWAL")
	var f facts
	f.indent = "  "
	if !w.Declared {
		f.addf("declared", "no: the manifest has no MemWAL section")
	}
	if n := len(w.Sharding); n > 0 {
		f.addf("sharding", "%s", w.Sharding[n-1].Text)
	}
	f.addf("maintains", "%s", strings.Join(w.Maintained, ", "))
	var defaults []string
	for _, k := range slices.Sorted(maps.Keys(w.Defaults)) {
		defaults = append(defaults, k+"="+w.Defaults[k])
	}
	f.addf("writers", "%s", strings.Join(defaults, ", "))
	f.addf("shards", "%s", plural(int64(len(w.Shards)), "shard"))
	t.head(f)
	shown := t.cut(len(w.Shards))
	for _, s := range w.Shards[:shown] {
		t.shard(s)
	}
	t.rest(len(w.Shards), shown)
}

func (t *text) shard(s *Shard) {
	name := "shard " + s.ID
	if s.Label != "" {
		name += " (" + s.Label + ")"
	}
	t.section(name)
	var f facts
	f.indent = "  "
	if s.ManifestVersion > 0 {
		f.addf("state", "%s, writer epoch %d, manifest version %d", s.Status, s.WriterEpoch, s.ManifestVersion)
		f.addf("generations", "%s", generationsText(s))
	}
	if s.WAL.Entries > 0 {
		f.addf("WAL", "%s, positions %d to %d, %s; %s", entries(s.WAL.Entries), s.WAL.First, s.WAL.Last, SizeText(s.WAL.Bytes), tailText(&s.WAL))
	} else if s.ManifestVersion > 0 {
		f.addf("WAL", "empty")
	}
	t.head(f)
	if len(s.Generations) > 0 {
		t.linef("")
		t.generations(s)
	}
	if len(s.WAL.Tail) > 0 {
		t.linef("")
		t.tail(&s.WAL)
	}
}

func entries(n int) string { return plural(int64(n), "entry") }

func generationsText(s *Shard) string {
	parts := []string{fmt.Sprintf("%d published, next is %d", len(s.Generations), s.NextGeneration)}
	if s.CompactedTo > 0 {
		parts = append(parts, fmt.Sprintf("compacted up to %d", s.CompactedTo))
	}
	if n := len(s.Strays); n > 0 {
		parts = append(parts, fmt.Sprintf("%d not published: %s", n, shorten(strings.Join(s.Strays, ", "), mostValues)))
	}
	return strings.Join(parts, "; ")
}

func tailText(w *WAL) string {
	if w.TailEntries == 0 {
		return "nothing to replay"
	}
	return fmt.Sprintf("to replay: %s (%s) after position %d", entries(w.TailEntries), SizeText(w.TailBytes), w.ReplayAfter)
}

func (t *text) generations(s *Shard) {
	g := grid{indent: "  ", right: "rrrrr"}
	g.add("generation", "rows", "deleted", "size", "objects", "folder", "state", "indexes")
	shown := t.cut(len(s.Generations))
	for _, x := range s.Generations[:shown] {
		rows, deleted, size, state := "?", "", "?", ""
		if x.Rows >= 0 {
			rows, deleted = countText(x.Rows), orBlank(x.Deleted)
		}
		if x.Objects > 0 {
			size = SizeText(x.Bytes)
		}
		if x.Compacted {
			state = "compacted"
		}
		g.add(fmt.Sprint(x.Number), rows, deleted, size, orBlank(int64(x.Objects)), x.Folder, state, strings.Join(x.Indexes, ", "))
	}
	g.write(t.out, true)
	t.rest(len(s.Generations), shown)
}

func (t *text) tail(w *WAL) {
	g := grid{indent: "  ", right: "rrrr"}
	g.add("position", "rows", "size", "epoch", "what")
	for _, e := range w.Tail {
		rows, epoch, what := "?", "", ""
		if e.Rows >= 0 {
			rows, epoch = countText(e.Rows), fmt.Sprint(e.Epoch)
		}
		if e.Fence {
			rows, what = "", "fence"
		}
		g.add(fmt.Sprint(e.Position), rows, SizeText(e.Bytes), epoch, what)
	}
	g.write(t.out, true)
	t.rest(w.TailEntries, len(w.Tail))
}
