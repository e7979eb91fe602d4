package encode

import (
	"encoding/binary"
	"math/bits"

	"github.com/hearthcache/hearth/lance/pb"
)

// Dictionary is the distinct values of a page.
type Dictionary struct {
	N        int
	Encoding *pb.CompressiveEncoding
	Bytes    []byte
}

const (
	// minDictionary is the fewest values for which a dictionary is tried, as in Lance.
	minDictionary = 100
	// dictionarySample is how many values are looked at before all are.
	dictionarySample = 4096
)

// distinct numbers the distinct values of v in order of appearance. It gives up, with nil, when there are more than most.
func distinct(v *Values, most int) (items []int, index []uint32) {
	index = make([]uint32, v.N)
	if v.Kind == Fixed && v.Width == 8 {
		return distinctWords(v, most, index)
	}
	seen := make(map[string]uint32, 64)
	for i := range v.N {
		b := v.At(i)
		k, ok := seen[string(b)]
		if !ok {
			if len(items) == most {
				return nil, nil
			}
			k = uint32(len(items))
			seen[string(b)] = k
			items = append(items, i)
		}
		index[i] = k
	}
	return items, index
}

func distinctWords(v *Values, most int, index []uint32) ([]int, []uint32) {
	seen := make(map[uint64]uint32, 64)
	var items []int
	for i := range index {
		w := binary.LittleEndian.Uint64(v.Data[8*i:])
		k, ok := seen[w]
		if !ok {
			if len(items) == most {
				return nil, nil
			}
			k = uint32(len(items))
			seen[w] = k
			items = append(items, i)
		}
		index[i] = k
	}
	return items, index
}

// tryDictionary returns the values as indices into their distinct ones when that takes less than budget bytes.
func tryDictionary(v *Values, h Hints, budget int) (Choice, bool) {
	if v.N < minDictionary || v.Kind == Fixed && v.Width != 8 && v.Width != 16 {
		return Choice{}, false
	}
	// Values that hardly repeat in the beginning will not pay for a number each.
	if n := min(v.N, dictionarySample); n < v.N {
		if items, _ := distinct(v.Slice(0, n), n/2); items == nil {
			return Choice{}, false
		}
	}
	items, index := distinct(v, v.N/2)
	if items == nil {
		return Choice{}, false
	}
	size := 0
	for _, i := range items {
		size += len(v.At(i)) + 4
	}
	if size+v.N*bits.Len(uint(len(items)))/8 > budget {
		return Choice{}, false
	}
	return makeDictionary(v, h, items, index, 4), true
}

// makeDictionary returns the choice of indices of some bytes each.
func makeDictionary(v *Values, h Hints, items []int, index []uint32, width int) Choice {
	picked := v.Pick(items)
	d := &Dictionary{N: len(items), Encoding: v.plainEncoding()}
	if v.Kind == Var {
		d.Bytes = varBlock(picked)
	} else {
		d.Bytes = picked.Data
	}
	if h.Blocks && !h.Plain {
		if z := AppendLZ4(nil, d.Bytes); len(z) > 0 && len(z) < len(d.Bytes) {
			d.Bytes = z
			d.Encoding = &pb.CompressiveEncoding{General: &pb.GeneralEncoding{
				Compression: pb.BufferCompression{Scheme: pb.CompressionLZ4}, Values: d.Encoding,
			}}
		}
	}
	idx := &Values{Kind: Fixed, N: v.N, Width: width}
	for _, k := range index {
		switch width {
		case 1:
			idx.Data = append(idx.Data, byte(k))
		case 2:
			idx.Data = binary.LittleEndian.AppendUint16(idx.Data, uint16(k))
		case 4:
			idx.Data = binary.LittleEndian.AppendUint32(idx.Data, k)
		default:
			idx.Data = binary.LittleEndian.AppendUint64(idx.Data, uint64(k))
		}
	}
	m, _ := fixedMini(idx, h)
	return Choice{Mini: m, Dictionary: d}
}
