package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ingestRows makes the rows: texts of sentences that somebody wrote, and vectors as embeddings lie, in clusters and in few of
// their dimensions.
type ingestRows struct {
	random    *rand.Rand
	sentences []string
	axes      [][]float32 // vectors are sums of these
	centers   [][]float32 // by axis
	updates   int         // per cent
	next      int         // number of the next row that is new
	ids       map[string][]float32
	texts     map[string]string
}

// intrinsic is how many dimensions the vectors really have.
const intrinsic = 32

func newIngestRows(seed uint64, text string, dim, updates int) (*ingestRows, error) {
	r := &ingestRows{random: rand.New(rand.NewPCG(seed, 5)), updates: updates, ids: map[string][]float32{}, texts: map[string]string{}}
	r.sentences = sentences(text)
	if len(r.sentences) < 100 {
		return nil, errors.New("the text has fewer than 100 sentences")
	}
	for range intrinsic {
		r.axes = append(r.axes, r.normal(dim, 1))
	}
	for range centers {
		r.centers = append(r.centers, r.normal(intrinsic, 1))
	}
	return r, nil
}

// sentences cuts a text where sentences end.
func sentences(text string) (out []string) {
	for s := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(".;?!", c) }) {
		if s = strings.Join(strings.Fields(s), " "); len(s) > 20 {
			out = append(out, s)
		}
	}
	return out
}

func (r *ingestRows) normal(n int, spread float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.random.NormFloat64() * spread)
	}
	return v
}

// text is two to four half sentences.
func (r *ingestRows) text() string {
	var b strings.Builder
	for range 2 + r.random.IntN(3) {
		words := strings.Fields(r.sentences[r.random.IntN(len(r.sentences))])
		if half := len(words) / 2; r.random.IntN(2) == 0 {
			words = words[half:]
		} else {
			words = words[:half]
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Join(words, " "))
		b.WriteByte('.')
	}
	return b.String()
}

// vector has length 1.
func (r *ingestRows) vector() []float32 {
	center := r.centers[r.random.IntN(len(r.centers))]
	v := r.normal(len(r.axes[0]), 0.5)
	for i, axis := range r.axes {
		x := center[i] + float32(r.random.NormFloat64())*0.6
		for d := range v {
			v[d] += x * axis[d]
		}
	}
	square := 0.0
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	for d := range v {
		v[d] = float32(float64(v[d]) / math.Sqrt(square))
	}
	return v
}

// batch makes so many rows, no key twice among them.
func (r *ingestRows) batch(n int) arrow.RecordBatch {
	dim := int32(len(r.axes[0]))
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "vector", Type: arrow.FixedSizeListOfField(dim, arrow.Field{Name: "item", Type: arrow.PrimitiveTypes.Float32, Nullable: true}), Nullable: true},
	}, nil))
	defer b.Release()
	ids, texts := b.Field(0).(*array.StringBuilder), b.Field(1).(*array.StringBuilder)
	vectors := b.Field(2).(*array.FixedSizeListBuilder)
	items := vectors.ValueBuilder().(*array.Float32Builder)
	before, used := r.next, map[int]bool{}
	for range n {
		row := r.next
		if old := r.random.IntN(max(before, 1)); r.random.IntN(100) < r.updates && old < before && !used[old] {
			row, used[old] = old, true
		} else {
			r.next++
		}
		id, text, v := rowID(row), r.text(), r.vector()
		ids.Append(id)
		texts.Append(text)
		vectors.Append(true)
		items.AppendValues(v, nil)
		r.ids[id], r.texts[id] = v, text
	}
	return b.NewRecordBatch()
}

func rowID(n int) string { return fmt.Sprintf("id-%08d", n) }

// write makes batches and writes them as files of Arrow IPC.
func (r *ingestRows) write(dir, name string, rows, batch int) (files []string, err error) {
	for at := 0; at < rows; at += batch {
		file := filepath.Join(dir, fmt.Sprintf("%s-%05d.arrow", name, len(files)))
		if err := writeIPC(file, r.batch(min(batch, rows-at))); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// writeIPC writes a batch, which it releases.
func writeIPC(name string, b arrow.RecordBatch) (err error) {
	defer b.Release()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(b.Schema()))
	if err != nil {
		return err
	}
	return errors.Join(w.Write(b), w.Close())
}
