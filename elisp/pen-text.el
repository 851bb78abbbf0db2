;;; pen-text.el --- Plain text of a buffer, as it may be sent -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A text goes to a model without its properties and with nothing in it that is
;; no character; what cannot go is refused where the person can still mend it.

;;; Code:

(defconst pen-text-most 1000000
  "Characters that a text may have at most to be part of a prompt.")

(defun pen-text-substring (beg end)
  "Return the plain text from BEG to END, or say why no model can read it."
  (when (> (- end beg) pen-text-most)
    (user-error "This text has %d characters, and a prompt has %d at most; mark less of it"
                (- end beg) pen-text-most))
  (pen-text-refuse-bytes beg end)
  (buffer-substring-no-properties beg end))

(defun pen-text-refuse-bytes (beg end)
  "Refuse bytes that are no characters from BEG to END."
  (when (memq 'eight-bit (find-charset-region beg end))
    (save-excursion
      (goto-char beg)
      (re-search-forward (if enable-multibyte-characters "[\x3fff80-\x3fffff]" "[\x80-\xff]")
                         end t)
      (user-error "Line %d holds bytes that are no characters; read the file again with M-x revert-buffer-with-coding-system"
                  (line-number-at-pos (point) t)))))

(provide 'pen-text)
;;; pen-text.el ends here
