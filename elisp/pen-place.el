;;; pen-place.el --- A line of a file, as the service names it -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Errors, findings and records tell where they belong as FILE:LINE or
;; FILE:LINE:COLUMN, both counted from 1; FILE may be the name of a region.

;;; Code:

(defun pen-place-parts (where)
  "Return the place WHERE as (FILE LINE COLUMN), nil if it is none.
COLUMN is nil if WHERE has none."
  (when (and where (string-match "\\`\\(.*?\\):\\([0-9]+\\)\\(?::\\([0-9]+\\)\\)?\\'" where))
    (let ((column (match-string 3 where)))
      (list (match-string 1 where)
            (string-to-number (match-string 2 where))
            (and column (string-to-number column))))))

(provide 'pen-place)
;;; pen-place.el ends here
