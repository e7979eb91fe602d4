package origin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// maxListBody bounds one page: 1,000 entries with keys of 1,024 bytes, each byte
// escaped, and their owners fit into a third of it.
const maxListBody = 16 << 20

// A ListRequest asks for one page of ListObjectsV2.
type ListRequest struct {
	Bucket, Prefix, Delimiter string
	// Token continues an earlier page (ListPage.NextToken).
	Token string
	// StartAfter is a key; the listing begins after it.
	StartAfter string
	// MaxKeys bounds the page; 0 leaves it to the origin (1,000).
	MaxKeys int
}

// ListPage asks for one page. Keys come back decoded, whatever bytes they hold,
// if the origin supports encoding-type=url; one that ignores it can still list
// every key that XML can express.
//
// Errors: as Get; a missing bucket is a StatusError of no kind.
func (c *Client) ListPage(ctx context.Context, req ListRequest) (*ListPage, error) {
	page, err := c.listPage(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("list %s/%q: %w", req.Bucket, req.Prefix, err)
	}
	return page, nil
}

func (c *Client) listPage(ctx context.Context, req ListRequest) (*ListPage, error) {
	if req.Bucket == "" {
		return nil, fmt.Errorf("%w: no bucket", ErrInvalid)
	}
	query := "list-type=2&encoding-type=url&prefix=" + escape(req.Prefix, false)
	add := func(name, value string) {
		if value != "" {
			query += "&" + name + "=" + escape(value, false)
		}
	}
	add("delimiter", req.Delimiter)
	add("continuation-token", req.Token)
	add("start-after", req.StartAfter)
	if req.MaxKeys > 0 {
		add("max-keys", strconv.Itoa(req.MaxKeys))
	}
	b := c.newBudget("list")
	for {
		resp, err := c.send(ctx, b, &Request{Method: http.MethodGet, Bucket: req.Bucket, RawQuery: query},
			func(status int) bool { return status == http.StatusOK })
		if err != nil {
			return nil, err
		}
		data, err := readAll(resp, maxListBody)
		if err == nil {
			var page *ListPage
			if page, err = parseList(data); err == nil {
				if page.NextToken != "" && page.NextToken == req.Token {
					return nil, fmt.Errorf("%w: listing does not advance", ErrCorrupt)
				}
				return page, nil
			}
		}
		if err = b.next(ctx, err); err != nil {
			return nil, err
		}
	}
}

// List calls yield for every object below prefix, page by page, in the origin's
// order, and stops at the first error, which it returns as it is. A listing is
// not a snapshot.
func (c *Client) List(ctx context.Context, bucket, prefix string, yield func(Entry) error) error {
	req := ListRequest{Bucket: bucket, Prefix: prefix}
	for {
		page, err := c.ListPage(ctx, req)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := yield(e); err != nil {
				return err
			}
		}
		if page.NextToken == "" {
			return nil
		}
		req.Token = page.NextToken
	}
}
