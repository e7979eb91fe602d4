package encode

import "github.com/hearthcache/hearth/lance/pb"

// ZipWidth is the size of a value of a full-zip page in bytes, and its encoding. Of a list, the validity of items comes first,
// level by level, each in whole bytes.
func ZipWidth(v *Values) (int, *pb.CompressiveEncoding) {
	bytes := (v.valueBits() + 7) / 8
	items := 1
	for x := v; x.Kind == List; x = x.Items {
		items *= x.Dim
		if x.Items.Valid != nil {
			bytes += (items + 7) / 8
		}
	}
	return bytes, v.plainEncoding()
}

// ZipIsPlain says that values lie in a full-zip page as they lie in memory.
func ZipIsPlain(v *Values) bool {
	for x := v; x.Kind == List; x = x.Items {
		if x.Items.Valid != nil {
			return false
		}
	}
	return true
}

// Leaf is the innermost items of lists, or the values themselves.
func Leaf(v *Values) *Values {
	for v.Kind == List {
		v = v.Items
	}
	return v
}

// AppendZip appends value i as it is in a full-zip page.
func AppendZip(dst []byte, v *Values, i int) []byte {
	n := 1
	x := v
	for ; x.Kind == List; x = x.Items {
		n *= x.Dim
		if x.Items.Valid != nil {
			dst = append(dst, sliceBits(x.Items.Valid, i*n, (i+1)*n)...)
		}
	}
	return append(dst, x.Data[i*n*x.Width:(i+1)*n*x.Width]...)
}
