;;; pen-source-place-test.el --- From a record back to its line -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-source-place)

(defun pen-source-place-test--region ()
  "Return lines three and four of this buffer as a source."
  (insert "a\nb\nc\nd\ne\n")
  (pen-source-region 5 8))

(ert-deftest pen-source-place-test-lines-of-a-region-count-from-the-start-of-its-buffer ()
  (with-temp-buffer
    (let ((source (pen-source-place-test--region)))
      (should (equal (pen-source-place source (concat (buffer-name) ":2"))
                     (concat (buffer-name) ":4")))
      (should (equal (pen-source-place source "other.json:2") "other.json:2"))
      (should (equal (pen-source-place source "no place") "no place"))
      (should (equal (pen-source-place source nil) "")))))

(ert-deftest pen-source-place-test-visit-goes-to-the-line ()
  (save-window-excursion
    (with-temp-buffer
      (let ((source (pen-source-place-test--region))
            (buffer (current-buffer)))
        (pen-source-visit source (concat (buffer-name) ":2:7"))
        (should (eq (window-buffer) buffer))
        (should (looking-at-p "d"))))))

(ert-deftest pen-source-place-test-visit-says-what-is-gone ()
  (let ((source (with-temp-buffer
                  (rename-buffer "pen-source-place-test gone")
                  (pen-source-place-test--region))))
    (should-error (pen-source-visit source "pen-source-place-test gone:1") :type 'user-error)
    (should-error (pen-source-visit source "/no/such/file:1") :type 'user-error)
    (should-error (pen-source-visit source "nowhere") :type 'user-error)))

(provide 'pen-source-place-test)
;;; pen-source-place-test.el ends here
