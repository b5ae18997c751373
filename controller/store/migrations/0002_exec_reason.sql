-- Copyright The Switchyard Authors.
-- SPDX-License-Identifier: Apache-2.0

-- The records of before have no reason until their runners report one.
ALTER TABLE containers ADD COLUMN exec_reason TEXT NOT NULL DEFAULT '';
