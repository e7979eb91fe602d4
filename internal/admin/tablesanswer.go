package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/inspect/cat"
)

// The forms of an answer, best first: where the client takes all of them, the first.
var forms = []string{"application/json", "application/vnd.apache.arrow.stream", "application/x-ndjson", "text/csv"}

const (
	formJSON = iota
	formArrow
	formNDJSON
	formCSV
)

// stallTimeout is how long a client may take nothing of an answer.
const stallTimeout = 30 * time.Second

// answerRows streams the rows of a query, in the form that Accept prefers:
//
//	application/json                      {"table": ..., "version": ..., "as_of": ..., "columns": [{"name", "type"}],
//	                                      "found": [...], "rows": [{...}, ...], "row_count": n}
//	application/vnd.apache.arrow.stream   an Arrow IPC stream
//	application/x-ndjson                  a row a line
//	text/csv                              with a header
//
// Values in text are those of package cat. "found" says for each row of a get which of the keys it has. An answer that
// cannot be completed is cut off: the connection breaks, the array or the stream has no end. A client that takes
// nothing for half a minute is cut off too.
func (a *api) answerRows(w http.ResponseWriter, r *http.Request, q query) error {
	form, ok := accepted(r.Header.Values("Accept"))
	if !ok {
		return fault(http.StatusNotAcceptable, "not_acceptable", "rows are answered as "+strings.Join(forms, ", "))
	}
	out := &rowsAnswer{w: w, form: form}
	_, err := a.Engine.Run(r.Context(), q.request, out)
	if err == nil {
		err = out.finish()
	}
	if err != nil && out.began {
		if r.Context().Err() == nil {
			a.log.Warn("answer of a query was cut off", "path", r.URL.Path, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		return engineFault(err)
	}
	return nil
}

// accepted is the number of the form that Accept headers prefer.
func accepted(headers []string) (form int, ok bool) {
	if len(headers) == 0 {
		return formJSON, true
	}
	type choice struct {
		q     float64
		exact int // of a type over a range of types
	}
	best := make([]choice, len(forms))
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if s, given := params["q"]; given {
			if quality, err = strconv.ParseFloat(s, 64); err != nil || quality < 0 || quality > 1 {
				continue
			}
		}
		for i, f := range forms {
			kind, _, _ := strings.Cut(f, "/")
			exact := 0
			switch media {
			case f:
				exact = 3
			case kind + "/*":
				exact = 2
			case "*/*":
				exact = 1
			}
			if exact > best[i].exact {
				best[i] = choice{quality, exact}
			}
		}
	}
	form = -1
	for i, c := range best {
		if c.exact > 0 && c.q > 0 && (form < 0 || c.q > best[form].q) {
			form = i
		}
	}
	return form, form >= 0
}

// rowsAnswer is an engine.Output that writes to a client.
type rowsAnswer struct {
	w     http.ResponseWriter
	form  int
	began bool
	rows  int64
	to    cat.Writer
}

// errStalled says that a piece of an answer could not be written.
var errStalled = errors.New("admin: the client takes nothing")

// pieceBytes is how much a client has stallTimeout for: less than 600 bytes a second is taken for nothing. A column of an
// Arrow stream comes in one piece otherwise, of megabytes.
const pieceBytes = 16 << 10

// Write gives each piece its time.
func (o *rowsAnswer) Write(p []byte) (n int, err error) {
	control := http.NewResponseController(o.w)
	for n < len(p) {
		_ = control.SetWriteDeadline(time.Now().Add(stallTimeout)) // not every writer has one
		wrote, err := o.w.Write(p[n:min(n+pieceBytes, len(p))])
		if n += wrote; err != nil {
			return n, fmt.Errorf("%w: %w", errStalled, err)
		}
	}
	return n, nil
}

// Start implements engine.Output.
func (o *rowsAnswer) Start(h engine.Head) error {
	text := map[int]cat.Format{formJSON: cat.JSON, formArrow: cat.Arrow, formNDJSON: cat.JSON, formCSV: cat.CSV}
	var sink io.Writer = o
	if o.form == formJSON {
		sink = &lines{w: o}
	}
	to, err := cat.NewWriter(sink, text[o.form], h.Schema)
	if err != nil {
		return err
	}
	o.to = to
	header := o.w.Header()
	header.Set("Content-Type", forms[o.form])
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Hearth-Table-Version", strconv.FormatUint(h.Version, 10))
	header.Set("X-Hearth-As-Of", h.AsOf.UTC().Format(time.RFC3339Nano))
	o.began = true
	o.w.WriteHeader(http.StatusOK)
	if o.form != formJSON {
		return nil
	}
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	begin := struct {
		Table   string    `json:"table"`
		Version uint64    `json:"version"`
		AsOf    time.Time `json:"as_of"`
		Columns []column  `json:"columns"`
		Found   []int     `json:"found,omitempty"`
	}{Table: "s3://" + h.Table, Version: h.Version, AsOf: h.AsOf.UTC(), Columns: []column{}, Found: h.Found}
	for _, f := range h.Schema.Fields() {
		begin.Columns = append(begin.Columns, column{f.Name, f.Type.String()})
	}
	b, err := json.Marshal(begin)
	if err != nil {
		return err
	}
	_, err = o.Write(append(bytes.TrimSuffix(b, []byte("}")), `,"rows":[`...))
	return err
}

// Batch implements engine.Output.
func (o *rowsAnswer) Batch(b arrow.RecordBatch) error {
	o.rows += b.NumRows()
	if err := o.to.Write(b); err != nil {
		return err
	}
	if err := http.NewResponseController(o.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %w", errStalled, err)
	}
	return nil
}

// finish ends the answer.
func (o *rowsAnswer) finish() error {
	if err := o.to.Close(); err != nil || o.form != formJSON {
		return err
	}
	_, err := fmt.Fprintf(o, "],\"row_count\":%d}\n", o.rows)
	return err
}

// lines makes elements of an array of lines.
type lines struct {
	w    io.Writer
	ends bool // a line has ended, and nobody knows yet whether another follows
	buf  []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.buf = l.buf[:0]
	for rest := p; len(rest) > 0; {
		if l.ends {
			l.buf = append(l.buf, ",\n"...)
		}
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		l.buf = append(l.buf, line...)
		l.ends, rest = ended, after
	}
	if _, err := l.w.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
