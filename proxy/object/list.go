package object

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// Inventory returns what lies below prefix, in order, if prefix lies at or below a
// published generation whose inventory is known or can be had; ok is false if the
// origin must list it. The entries are shared; do not change them.
func (s *Service) Inventory(ctx context.Context, bucket, prefix string) (entries []publication.Entry, ok bool) {
	if s.bypass.Load() || s.rules.Load().Classify(bucket, prefix).Rule != class.RuleGeneration {
		return nil, false
	}
	g := s.generations.Lookup(bucket, prefix)
	if g == nil {
		return nil, false
	}
	inventory := s.confirm(ctx, g)
	if inventory == nil {
		return nil, false
	}
	return inventory.Below(prefix), true
}

// List yields every object below prefix, in order: from the inventory of a published
// generation, else from the origin.
func (s *Service) List(ctx context.Context, bucket, prefix string, yield func(publication.Entry) error) error {
	if entries, ok := s.Inventory(ctx, bucket, prefix); ok {
		for _, e := range entries {
			if err := yield(e); err != nil {
				return err
			}
		}
		return nil
	}
	return s.origin.List(ctx, bucket, prefix, func(e origin.Entry) error {
		return yield(entryOf(e))
	})
}

// pager is an origin that lists by directory.
type pager interface {
	ListPage(ctx context.Context, req origin.ListRequest) (*origin.ListPage, error)
}

// Folder lists what lies directly below prefix, which is empty or ends in a slash: its
// objects, and the names of its folders, without slashes; both in order. Below a published
// generation it is answered from the inventory, else by the origin; one that cannot list by
// directory is asked for all that lies below.
func (s *Service) Folder(ctx context.Context, bucket, prefix string) (objects []publication.Entry, folders []string, err error) {
	add := func(key string) (object bool) {
		name, _, dir := strings.Cut(key[len(prefix):], "/")
		if dir && name != "" && (len(folders) == 0 || folders[len(folders)-1] != name) {
			folders = append(folders, name)
		}
		return !dir
	}
	each := func(e publication.Entry) error {
		if add(e.Key) {
			objects = append(objects, e)
		}
		return nil
	}
	entries, ok := s.Inventory(ctx, bucket, prefix)
	for i := range entries {
		_ = each(entries[i])
	}
	if ok {
		return objects, folders, nil
	}
	p, ok := s.origin.(pager)
	if !ok {
		err := s.origin.List(ctx, bucket, prefix, func(e origin.Entry) error { return each(entryOf(e)) })
		return objects, folders, err
	}
	request := origin.ListRequest{Bucket: bucket, Prefix: prefix, Delimiter: "/"}
	for {
		page, err := p.ListPage(ctx, request)
		if err != nil {
			return nil, nil, err
		}
		for i := range page.Entries {
			_ = each(entryOf(page.Entries[i]))
		}
		for _, common := range page.CommonPrefixes {
			add(common)
		}
		if page.NextToken == "" {
			return objects, folders, nil
		}
		request.Token = page.NextToken
	}
}
