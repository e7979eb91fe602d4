package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// serve is the harness as a subject: "serve chi ADDR DATA" or "serve loop ADDR DATA
// SIZE". It ends with its process.
func serve(ctx context.Context, args []string, _ io.Writer) error {
	if len(args) < 3 {
		return errors.New("serve: too few arguments")
	}
	d, err := openDataset(args[2])
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", args[1])
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	switch {
	case args[0] == "chi" && len(args) == 3:
		server := &http.Server{Handler: chiHandler(d), ReadHeaderTimeout: time.Minute}
		err = server.Serve(l)
	case args[0] == "loop" && len(args) == 4:
		var size int64
		if size, err = strconv.ParseInt(args[3], 10, 64); err == nil {
			err = loop(l, d, size)
		}
	default:
		return fmt.Errorf("serve: unknown arguments %q", args)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// chiHandler answers a range with as many headers and bytes as Hearth does, and does
// nothing else: no authentication, no classes, no metrics, no page bookkeeping.
func chiHandler(d *dataset) http.Handler {
	index := make(map[string]int, len(d.objects))
	etags := make([]string, len(d.objects))
	for i, key := range d.objects {
		index[key], etags[i] = i, d.etag(i)
	}
	r := chi.NewRouter()
	r.Get("/"+bucket+"/*", func(w http.ResponseWriter, r *http.Request) {
		i, ok := index[chi.URLParam(r, "*")]
		first, last, valid := parseRange(r.Header.Get("Range"))
		if !ok || !valid || last >= int64(len(d.object(i))) || last < first {
			http.Error(w, "no such range", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Accept-Ranges", "bytes")
		h.Set("Content-Length", strconv.FormatInt(last-first+1, 10))
		h.Set("Content-Range", "bytes "+strconv.FormatInt(first, 10)+"-"+strconv.FormatInt(last, 10)+"/"+strconv.Itoa(len(d.object(i))))
		h.Set("Content-Type", contentType)
		h.Set("ETag", etags[i])
		h.Set("Last-Modified", lastModified)
		h.Set("Server-Timing", "hearth;dur=0.012")
		h.Set("X-Hearth-Cache", "hit")
		h.Set("X-Amz-Request-Id", "dl7cqp6yn9vb-1ekg")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(d.object(i)[first : last+1]) // the client's loss
	})
	return r
}

// parseRange reads "bytes=first-last".
func parseRange(header string) (first, last int64, ok bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return 0, 0, false
	}
	a, b, ok := strings.Cut(spec, "-")
	if !ok {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	return first, last, err1 == nil && err2 == nil
}

// loop answers whatever comes with spans of the set in turn: a read until the blank
// line, one gathering write of a head that lies ready and the bytes. It is what the
// net package allows at best, not a server.
func loop(l net.Listener, d *dataset, size int64) error {
	spans := d.sequence(size)
	head := fmt.Appendf(nil, "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n"+
		"Content-Range: bytes %d-%d/%d\r\nContent-Type: %s\r\nEtag: %s\r\nLast-Modified: %s\r\n"+
		"Server-Timing: hearth;dur=0.012\r\nX-Hearth-Cache: hit\r\nx-amz-request-id: dl7cqp6yn9vb-1ekg\r\n"+
		"Date: Mon, 06 Jan 2025 10:20:30 GMT\r\n\r\n", size, 1<<24, 1<<24+size-1, objectBytes, contentType, d.etag(0), lastModified)
	var wg sync.WaitGroup
	defer wg.Wait()
	for first := 0; ; first += 61 { // connections do not walk in step
		c, err := l.Accept()
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer func() { _ = c.Close() }()
			answerAll(c, head, d, spans, first)
		})
	}
}

func answerAll(c net.Conn, head []byte, d *dataset, spans []span, next int) {
	buf := make([]byte, maxHead)
	have := 0
	parts := make(net.Buffers, 2)
	for have < len(buf) {
		n, err := c.Read(buf[have:])
		if err != nil {
			return
		}
		if have += n; !bytes.HasSuffix(buf[:have], endOfHead) {
			continue
		}
		have = 0
		all := parts[:2]
		all[0], all[1] = head, d.at(spans[next%len(spans)])
		next++
		if _, err := all.WriteTo(c); err != nil {
			return
		}
	}
}
