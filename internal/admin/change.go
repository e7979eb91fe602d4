package admin

import (
	"net/http"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/warm"
)

// invalidate drops pages, facts, inventories, decoded objects and pins. What is on its way
// from the origin does not enter either. The origin is not touched.
//
//	POST /invalidate
//	{"prefix": "s3://bucket/dir/"}   every key that begins so; end it with a slash to mean a directory
//	{"path": "s3://bucket/key"}      exactly one object
//
// The answer counts what was dropped.
func (a *api) invalidate(w http.ResponseWriter, r *http.Request) error {
	var prefix, path string
	if err := readObject(w, r, fields{"prefix": intoString(&prefix), "path": intoString(&path)}); err != nil {
		return err
	}
	if prefix != "" && path != "" {
		return faultIn("path", "prefix is given too: one call drops one of them")
	}
	field, value := "prefix", prefix
	if path != "" {
		field, value = "path", path
	}
	p, err := a.pathIn(field, value)
	if err != nil {
		return err
	}
	if path != "" && p.Key == "" {
		return faultIn("path", "names no object; prefix takes a whole bucket")
	}
	var answer struct {
		object.Dropped
		Pins int `json:"pins"` // taken back
	}
	if path == "" {
		answer.Pins = a.Warmer.Release(p.Bucket, p.Key)
	} else if a.Warmer.Unpin(p) {
		answer.Pins = 1
	}
	answer.Dropped = a.Objects.Invalidate(epoch.Scope{Bucket: p.Bucket, Key: p.Key, Prefix: path == ""})
	a.log.Info("invalidated", "bucket", p.Bucket, "key", p.Key, "prefix", path == "", "pages", answer.Pages, "bytes", answer.Bytes, "decoded", answer.Decoded)
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// retain drops every known generation of a table that is not live. Those that are not
// known to be published stay, and those first seen in a newer manifest than the one the
// caller looked at.
//
//	POST /retain
//	{"table": "s3://bucket/table.lance", "shard": "...", "live": ["86a4c298_gen_4"], "shard_manifest_version": 8}
//
// shard and shard_manifest_version are optional; elements of live may be paths. The
// answer is a warm.Retained.
func (a *api) retain(w http.ResponseWriter, r *http.Request) error {
	var table string
	var live []string
	var q warm.Retain
	if err := readObject(w, r, fields{
		"table": intoString(&table), "shard": intoString(&q.Shard), "live": intoStrings(&live),
		"shard_manifest_version": intoVersion(&q.Version),
	}); err != nil {
		return err
	}
	if live == nil {
		return faultIn("live", "required: the generations that stay, [] if none does")
	}
	if q.Version > 0 && q.Shard == "" {
		return faultIn("shard", "required with shard_manifest_version: each shard has versions of its own")
	}
	var err error
	if q.Table, err = a.pathIn("table", table); err != nil {
		return err
	}
	q.Live = live
	retained, err := a.Warmer.Retain(r.Context(), q)
	if err != nil {
		return err
	}
	a.log.Info("retained", "bucket", q.Table.Bucket, "key", q.Table.Key, "retired", len(retained.Retired), "live", retained.Live)
	writeJSON(w, http.StatusOK, retained)
	return nil
}

// bypass switches the cache off or on.
//
//	POST /bypass
//	{"on": true}
//
// While it is on every read goes to the origin, and POST /warm is refused.
func (a *api) bypass(w http.ResponseWriter, r *http.Request) error {
	var on *bool
	if err := readObject(w, r, fields{"on": intoBool(&on)}); err != nil {
		return err
	}
	if on == nil {
		return faultIn("on", "required: true or false")
	}
	a.Objects.SetBypass(*on)
	a.log.Info("bypass switched", "on", *on)
	writeJSON(w, http.StatusOK, struct {
		Bypassed bool `json:"bypassed"`
	}{a.Objects.Bypassed()})
	return nil
}
