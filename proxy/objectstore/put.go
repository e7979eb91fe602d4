package objectstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/originstore"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/proxy/object"
)

// WritableObjects is what a Writer needs of the object service. *object.Service is one.
type WritableObjects interface {
	Objects
	Forward(ctx context.Context, r *origin.Request, effect object.Effect) (*http.Response, error)
}

// Writer is a storage.Writer over an object service. What it writes goes the way of a client's PUT: it waits for the same
// slots, invalidates the same keys before and after, ends the same snapshots, and a shard manifest publishes the
// generations that it names.
type Writer struct {
	*Store
	send    originstore.Sender
	observe func(bucket, key string, contents []byte) int
}

var _ storage.Writer = (*Writer)(nil)

// NewWriter returns the writer over a service, which it borrows. Requests carry the origin's credentials, as all do that
// Hearth sends.
func NewWriter(objects WritableObjects) *Writer {
	do := func(ctx context.Context, r *origin.Request) (*http.Response, error) {
		return objects.Forward(ctx, r, effectOf(r))
	}
	return &Writer{Store: New(objects), send: originstore.NewSender(origin.Writes{Do: do}), observe: objects.Observe}
}

// effectOf says what one of the requests may change by which objects are written: PUT, DELETE and those of an upload.
func effectOf(r *origin.Request) object.Effect {
	e := object.Effect{Bucket: r.Bucket, Keys: []string{r.Key}}
	query, err := url.ParseQuery(r.RawQuery)
	switch {
	case err != nil: // none of ours
		e.Replaces = true
	case query.Has("uploads"), query.Has("partNumber"), r.Method == http.MethodDelete && query.Has("uploadId"):
		e.Attributes = true // the object stays as it is
	default:
		e.Replaces = r.Method != http.MethodDelete
	}
	return e
}

// Put implements storage.Writer: one PUT, with If-None-Match where the object must not be there, or a multipart upload of a
// large one. Nothing is tried twice.
func (w *Writer) Put(ctx context.Context, name string, body io.Reader, size int64, opts storage.PutOptions) error {
	bucket, key, err := splitObject(name)
	if err != nil {
		return err
	}
	var manifest bytes.Buffer
	watch := object.IsShardManifest(key) && size <= object.MaxManifestBytes
	if watch {
		body = io.TeeReader(body, &manifest)
	}
	if err := w.send.Put(ctx, bucket, key, body, size, opts); err != nil {
		return fmt.Errorf("objectstore: put s3://%s: %w", name, err)
	}
	if watch {
		w.observe(bucket, key, manifest.Bytes())
	}
	return nil
}

// Delete implements storage.Writer.
func (w *Writer) Delete(ctx context.Context, name string) error {
	bucket, key, err := splitObject(name)
	if err != nil {
		return err
	}
	if err := w.send.Delete(ctx, bucket, key); err != nil {
		return fmt.Errorf("objectstore: delete s3://%s: %w", name, err)
	}
	return nil
}

// splitObject takes the path of an object apart.
func splitObject(name string) (bucket, key string, err error) {
	if err := storage.CheckObjectPath(name); err != nil {
		return "", "", err
	}
	if bucket, key, err = split(name); err == nil && key == "" {
		err = fmt.Errorf("objectstore: %q: %w: a bucket is no object", name, storage.ErrPath)
	}
	return bucket, key, err
}
