package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// An origin serves the data set as an S3 store would, and counts. Signatures are not
// looked at.
type origin struct {
	addr     string
	requests atomic.Int64
	server   *http.Server
	done     chan struct{}
}

func startOrigin(d *dataset) (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	modified, err := http.ParseTime(lastModified)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	index := make(map[string]int, len(d.objects))
	for i, key := range d.objects {
		index["/"+bucket+"/"+key] = i
	}
	o := &origin{addr: l.Addr().String(), done: make(chan struct{})}
	o.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.requests.Add(1)
		i, ok := index[strings.TrimSuffix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", d.etag(i))
		w.Header().Set("Content-Type", contentType)
		http.ServeContent(w, r, "", modified, bytes.NewReader(d.object(i)))
	})}
	go func() {
		defer close(o.done)
		_ = o.server.Serve(l) // ErrServerClosed
	}()
	return o, nil
}

func (o *origin) close() {
	_ = o.server.Close() // nothing is in flight
	<-o.done
}
