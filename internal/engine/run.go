package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/vector"
	"github.com/hearthcache/hearth/lsm"
)

// outputError is an error of the Output, so that it is not taken for one of the query.
type outputError struct{ error }

// query runs a request on a snapshot.
func query(ctx context.Context, s *lsm.Snapshot, r Request, rep *Report, out Output) error {
	head := Head{Table: r.Table, Version: s.Version(), AsOf: rep.AsOf}
	var err error
	if r.BaseOnly {
		if s, err = s.Base(ctx); err != nil {
			return err
		}
		defer s.Close()
	}
	switch {
	case r.Kind == Scan:
		err = runScan(ctx, s, r, rep, head, out)
	case r.Kind == Get:
		err = runGet(ctx, s, r, rep, head, out)
	case r.Kind == Search && len(r.Vector) > 0:
		err = runNearest(ctx, s, r, rep, head, out)
	case r.Kind == Search:
		err = runText(ctx, s, r, rep, head, out)
	default:
		err = fmt.Errorf("engine: a request of kind %q", r.Kind)
	}
	if o, ok := errors.AsType[outputError](err); ok {
		return o.error
	}
	return err
}

func runScan(ctx context.Context, s *lsm.Snapshot, r Request, rep *Report, head Head, out Output) error {
	var err error
	if head.Schema, err = s.Project(r.Columns); err != nil {
		return err
	}
	began := false
	for b, err := range s.Scan(ctx, lsm.ScanOptions{Columns: r.Columns, Where: r.Filter, Limit: r.Limit, Plan: &rep.Plan}) {
		if err != nil {
			return err
		}
		if !began {
			began = true
			err = start(out, head)
		}
		if err == nil {
			err = hand(out, b)
		}
		b.Release()
		if err != nil {
			return err
		}
	}
	if !began {
		return start(out, head)
	}
	return nil
}

func runGet(ctx context.Context, s *lsm.Snapshot, r Request, rep *Report, head Head, out Output) error {
	keys, err := keysOf(s, r.Keys)
	if err != nil {
		return err
	}
	found, err := s.Lookup(ctx, keys, lsm.LookupOptions{Columns: r.Columns, Plan: &rep.Plan})
	if err != nil {
		return err
	}
	defer found.Release()
	head.Found = found.Keys
	return whole(out, head, found.Records)
}

func runText(ctx context.Context, s *lsm.Snapshot, r Request, rep *Report, head Head, out Output) error {
	q, err := r.text()
	if err != nil {
		return err
	}
	o := lsm.TextOptions{Column: r.Column, Query: q, K: r.k(), Where: r.Filter, Columns: r.Columns, Plan: &rep.Plan}
	switch r.Statistics {
	case "", "global":
	case "source":
		o.Statistics = lsm.PerSource
	default:
		return invalid("statistics", "%q is not global, source", r.Statistics)
	}
	b, err := s.SearchText(ctx, o)
	if err != nil {
		return err
	}
	defer b.Release()
	return whole(out, head, b)
}

func runNearest(ctx context.Context, s *lsm.Snapshot, r Request, rep *Report, head Head, out Output) error {
	o := lsm.NearestOptions{
		Column: r.Column, Vector: r.Vector, K: r.k(), Where: r.Filter, Columns: r.Columns, Ef: r.Ef, Refine: r.Refine,
		Exact: r.Exact, Plan: &rep.Plan,
	}
	if r.Metric != "" {
		m, err := vector.ParseMetric(r.Metric)
		if err != nil {
			return invalid("metric", "%q is not l2, cosine, dot", r.Metric)
		}
		o.Metric = &m
	}
	b, err := s.Nearest(ctx, o)
	if err != nil {
		return err
	}
	defer b.Release()
	return whole(out, head, b)
}

func (r *Request) k() int {
	if r.K == 0 {
		return defaultK
	}
	return r.K
}

// whole hands out an answer of one batch.
func whole(out Output, head Head, b arrow.RecordBatch) error {
	head.Schema = b.Schema()
	if err := start(out, head); err != nil || b.NumRows() == 0 {
		return err
	}
	return hand(out, b)
}

func start(out Output, h Head) error {
	if err := out.Start(h); err != nil {
		return outputError{err}
	}
	return nil
}

func hand(out Output, b arrow.RecordBatch) error {
	if err := out.Batch(b); err != nil {
		return outputError{err}
	}
	return nil
}

// Discard is an Output that drops what it is given.
var Discard Output = discard{}

type discard struct{}

func (discard) Start(Head) error              { return nil }
func (discard) Batch(arrow.RecordBatch) error { return nil }
