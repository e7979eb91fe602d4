package file

import (
	"weak"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// flatBytes reads runs of bytes of a flat encoding's buffer.
func (rd *reading) flatBytes(p *page, f *pb.Flat20, runs []span) ([][]byte, error) {
	if f.Buffer.Kind != 0 {
		return nil, fault.Unsupportedf("version 2.0 buffer of kind %d", f.Buffer.Kind)
	}
	if f.Compression != "" && f.Compression != "none" {
		return rd.compressed20(p, f, runs)
	}
	wants := make([]want, len(runs))
	for i, s := range runs {
		wants[i] = want{int(f.Buffer.Index), s.lo, s.hi}
	}
	return rd.from(p.col).read(rd.ctx, p, wants)
}

// compressed20 is flatBytes of a buffer that is compressed as a whole. The last one decompressed is kept while memory allows,
// so that a scan in batches does not begin anew with each.
func (rd *reading) compressed20(p *page, f *pb.Flat20, runs []span) ([][]byte, error) {
	var scheme pb.CompressionScheme
	switch f.Compression {
	case "lz4":
		scheme = pb.CompressionLZ4
	case "zstd":
		scheme = pb.CompressionZSTD
	default:
		return nil, fault.Unsupportedf("flat values with compression %q", f.Compression)
	}
	var whole *plain
	if w := p.plain.Load(); w != nil {
		whole = w.Value()
	}
	if whole == nil || whole.buf != f.Buffer.Index {
		rg, err := p.buffer(int(f.Buffer.Index))
		if err != nil {
			return nil, err
		}
		b, err := direct{rd.r}.read(rd.ctx, p, []want{{int(f.Buffer.Index), 0, rg.Length}})
		if err != nil {
			return nil, err
		}
		d, err := values.NewDecompressor(scheme, rd.lim.MaxBytes)
		if err != nil {
			return nil, err
		}
		out, err := d.Decompress(b[0])
		if err != nil {
			return nil, err
		}
		whole = &plain{buf: f.Buffer.Index, b: out}
		w := weak.Make(whole)
		p.plain.Store(&w)
	}
	out := make([][]byte, len(runs))
	for i, s := range runs {
		if s.lo < 0 || s.hi < s.lo || s.hi > int64(len(whole.b)) {
			return nil, fault.Corruptf("bytes %d to %d of %d", s.lo, s.hi, len(whole.b))
		}
		out[i] = whole.b[s.lo:s.hi]
	}
	return out, nil
}

// plain is a decompressed buffer of a version 2.0 page.
type plain struct {
	buf uint32
	b   []byte
}
