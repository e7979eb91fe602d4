package admin

import (
	"net/http"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/proxy/object"
)

// invalidate drops pages, facts, inventories and pins. What is on its way from the
// origin does not enter either. The origin is not touched.
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
	}
	answer.Dropped = a.Objects.Invalidate(epoch.Scope{Bucket: p.Bucket, Key: p.Key, Prefix: path == ""})
	a.log.Info("invalidated", "bucket", p.Bucket, "key", p.Key, "prefix", path == "", "pages", answer.Pages, "bytes", answer.Bytes)
	writeJSON(w, http.StatusOK, answer)
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
