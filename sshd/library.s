// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// An assembly file lets library.go declare functions that are another package's.
