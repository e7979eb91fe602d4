package embedded

// WithoutXattr makes Start keep attributes in files, as on a file system without
// extended attributes.
func WithoutXattr(o Options) Options {
	o.noXattr = true
	return o
}
