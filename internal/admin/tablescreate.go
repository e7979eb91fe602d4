package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/memwal"
)

// createTable makes a table. The body is an engine.NewTable as JSON; or an Arrow IPC stream of which the schema is taken,
// with the rest in the query of the URL: primary_key (names separated by commas), indexes and sharding (JSON), file_version.
func (a *api) createTable(w http.ResponseWriter, r *http.Request, table string) error {
	body, err := a.rowsBody(w, r)
	if err != nil {
		return err
	}
	var n engine.NewTable
	if engine.IsArrow(body.Reader) {
		err = readNewTable(r, body, &n)
		body.drain()
	} else {
		err = readQuery(r, nil)
		if err == nil {
			err = readNewTableJSON(body, &n)
		}
	}
	if err != nil {
		return err
	}
	if err := a.Writers.Create(r.Context(), table, n); err != nil {
		return writeFault(err)
	}
	writeJSON(w, http.StatusCreated, struct {
		Table string `json:"table"`
	}{"s3://" + table})
	return nil
}

// readNewTableJSON reads a table as one JSON object.
func readNewTableJSON(body io.Reader, n *engine.NewTable) error {
	text, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return writeFault(&bodyError{err})
	}
	if len(text) > maxBody {
		return tooLarge(maxBody)
	}
	if err := json.Unmarshal(text, n); err != nil {
		return fault(http.StatusBadRequest, "invalid_request", "the body is no table as JSON: "+err.Error())
	}
	return nil
}

// bodyError is an error of a body that is read here, and not by the engine.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// readNewTable reads a table as the schema of an Arrow stream and parameters.
func readNewTable(r *http.Request, body io.Reader, n *engine.NewTable) error {
	var key, indexes, sharding string
	err := readQuery(r, map[string]*string{
		"primary_key": &key, "indexes": &indexes, "sharding": &sharding, "file_version": &n.FileVersion,
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(quotedList(key), &n.PrimaryKey); err != nil {
		return faultIn("primary_key", err.Error())
	}
	for _, x := range []struct {
		name, text string
		to         any
	}{{"indexes", indexes, &n.Indexes}, {"sharding", sharding, &n.Sharding}} {
		if x.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(x.text), x.to); err != nil {
			return faultIn(x.name, "not what it should be as JSON: "+err.Error())
		}
	}
	n.Schema, err = memwal.ReadStreamSchema(body, memwal.StreamOptions{MaxMessageBytes: maxBody})
	if errors.Is(err, memwal.ErrCorrupt) || errors.Is(err, memwal.ErrUnsupported) {
		return fault(http.StatusBadRequest, "invalid_request", err.Error())
	}
	if err != nil {
		return writeFault(&bodyError{err})
	}
	return nil
}
