;;; pen-text-test.el --- Tests of plain text of a buffer -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-text)

(ert-deftest pen-text-test-properties-stay-behind ()
  (with-temp-buffer
    (insert (propertize "bold" 'face 'bold))
    (should (equal-including-properties (pen-text-substring 1 5) "bold"))))

(ert-deftest pen-text-test-bytes-are-refused-with-their-line ()
  (dolist (multibyte '(t nil))
    (with-temp-buffer
      (set-buffer-multibyte multibyte)
      (insert "one\ntwo " (if multibyte (string-to-multibyte "\377") "\377"))
      (should (string-prefix-p "Line 2 holds bytes"
                               (cadr (should-error (pen-text-substring 1 (point-max))
                                                   :type 'user-error)))))))

(ert-deftest pen-text-test-too-long-a-text-is-refused-with-both-lengths ()
  (with-temp-buffer
    (insert (make-string (1+ pen-text-most) ?x))
    (should (string-match-p "1000001 characters.*1000000 at most"
                            (cadr (should-error (pen-text-substring 1 (point-max))
                                                :type 'user-error))))))

(provide 'pen-text-test)
;;; pen-text-test.el ends here
