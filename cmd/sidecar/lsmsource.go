package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
)

// lsmSource answers queries on a table: this process, or a running Hearth.
type lsmSource interface {
	rows(ctx context.Context, r engine.Request, out engine.Output) error
	explain(ctx context.Context, r engine.Request) (*engine.Report, error)
	describe(ctx context.Context, count bool, timeout time.Duration) (*lsm.Description, error)
	close()
}

// localEngine reads the table in this process.
type localEngine struct {
	engine *engine.Engine
	target *lanceTarget
}

func (l *localEngine) rows(ctx context.Context, r engine.Request, out engine.Output) error {
	r.Table = l.target.path
	_, err := l.engine.Run(ctx, r, out)
	return err
}

func (l *localEngine) explain(ctx context.Context, r engine.Request) (*engine.Report, error) {
	r.Table = l.target.path
	return l.engine.Run(ctx, r, engine.Discard)
}

func (l *localEngine) describe(ctx context.Context, count bool, timeout time.Duration) (*lsm.Description, error) {
	d, _, err := l.engine.Describe(ctx, engine.Request{Table: l.target.path, Timeout: timeout}, count)
	return d, err
}

func (l *localEngine) close() {
	_ = l.engine.Close()
	l.target.close()
}

// remoteEngine asks a running Hearth.
type remoteEngine struct {
	client *adminClient
	table  string // bucket and prefix
	maxAge time.Duration
}

// path is the path of the table in the admin API.
func (e *remoteEngine) path() string {
	parts := strings.Split(e.table, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/v1/tables/" + strings.Join(parts, "/")
}

// body is a request with what engine.Request leaves to its owner.
func (e *remoteEngine) body(r engine.Request) any {
	type request struct {
		engine.Request
		MaxAge  string `json:"max_age,omitempty"`
		Timeout string `json:"timeout,omitempty"`
	}
	b := request{Request: r}
	if e.maxAge != 0 {
		b.MaxAge = e.maxAge.String()
	}
	if r.Timeout != 0 {
		b.Timeout = r.Timeout.String()
	}
	return b
}

func (e *remoteEngine) explain(ctx context.Context, r engine.Request) (*engine.Report, error) {
	answer, err := e.client.call(ctx, http.MethodPost, e.path()+"/"+string(r.Kind)+"/explain", e.body(r))
	if err != nil {
		return nil, err
	}
	var rep engine.Report
	if err := json.Unmarshal(answer, &rep); err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	return &rep, nil
}

func (e *remoteEngine) describe(ctx context.Context, count bool, timeout time.Duration) (*lsm.Description, error) {
	query := url.Values{"max_age": {e.maxAge.String()}, "timeout": {timeout.String()}, "count": {strconv.FormatBool(count)}}
	if timeout == 0 {
		query.Del("timeout")
	}
	answer, err := e.client.call(ctx, http.MethodGet, e.path()+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var d lsm.Description
	if err := json.Unmarshal(answer, &d); err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	return &d, nil
}

// rows reads the answer as it arrives.
func (e *remoteEngine) rows(ctx context.Context, r engine.Request, out engine.Output) error {
	body, err := json.Marshal(e.body(r))
	if err != nil {
		return err
	}
	req, err := e.client.request(ctx, http.MethodPost, e.path()+"/"+string(r.Kind), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.apache.arrow.stream")
	resp, err := e.client.do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return err
		}
		return e.client.refused(resp, answer)
	}
	stream, err := ipc.NewReader(resp.Body)
	if err != nil {
		return fmt.Errorf("admin API at %s: %w", e.client.base, err)
	}
	defer stream.Release()
	head := engine.Head{Table: e.table, Schema: stream.Schema()}
	if head.Version, err = strconv.ParseUint(resp.Header.Get("X-Hearth-Table-Version"), 10, 64); err != nil {
		return errors.New("admin API: the answer does not say the table's version")
	}
	if head.AsOf, err = time.Parse(time.RFC3339Nano, resp.Header.Get("X-Hearth-As-Of")); err != nil {
		return errors.New("admin API: the answer does not say how old it is")
	}
	if err := out.Start(head); err != nil {
		return err
	}
	for stream.Next() {
		if err := out.Batch(stream.RecordBatch()); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return fmt.Errorf("admin API at %s: the answer was cut off: %w", e.client.base, err)
	}
	return nil
}

func (e *remoteEngine) close() { e.client.close() }
