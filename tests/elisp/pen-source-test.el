;;; pen-source-test.el --- Where records come from, and the way back -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'org)
(require 'pen-rpc)
(require 'pen-source)

(defun pen-source-test--region ()
  "Return lines three and four of this buffer as a source."
  (insert "a\nb\nc\nd\ne\n")
  (pen-source-region 5 8))

(ert-deftest pen-source-test-region-is-sent-without-its-properties ()
  (with-temp-buffer
    (insert (propertize "one\ntwo" 'face 'bold))
    (let ((request (pen-source-request (pen-source-region 1 8))))
      (should (equal-including-properties (plist-get request :text) "one\ntwo"))
      (should (equal (plist-get request :source) (buffer-name)))
      (should (equal (plist-get request :reader) "auto")))))

(ert-deftest pen-source-test-region-of-an-org-buffer-is-read-as-org ()
  (with-temp-buffer
    (insert "- one")
    (org-mode)
    (should (equal (plist-get (pen-source-request (pen-source-region 1 6)) :reader) "org"))))

(ert-deftest pen-source-test-empty-region-is-refused ()
  (with-temp-buffer
    (insert "one")
    (should-error (pen-source-region 2 2) :type 'user-error)
    (should-error (pen-source-read-region) :type 'user-error)))

(ert-deftest pen-source-test-lines-of-a-region-count-from-the-start-of-its-buffer ()
  (with-temp-buffer
    (let ((source (pen-source-test--region)))
      (should (equal (pen-source-place source (concat (buffer-name) ":2"))
                     (concat (buffer-name) ":4")))
      (should (equal (pen-source-place source "other.json:2") "other.json:2"))
      (should (equal (pen-source-place source "no place") "no place"))
      (should (equal (pen-source-place source nil) "")))))

(ert-deftest pen-source-test-visit-goes-to-the-line ()
  (save-window-excursion
    (with-temp-buffer
      (let ((source (pen-source-test--region))
            (buffer (current-buffer)))
        (pen-source-visit source (concat (buffer-name) ":2:7"))
        (should (eq (window-buffer) buffer))
        (should (looking-at-p "d"))))))

(ert-deftest pen-source-test-visit-says-what-is-gone ()
  (let ((source (with-temp-buffer
                  (rename-buffer "pen-source-test gone")
                  (pen-source-test--region))))
    (should-error (pen-source-visit source "pen-source-test gone:1") :type 'user-error)
    (should-error (pen-source-visit source "/no/such/file:1") :type 'user-error)
    (should-error (pen-source-visit source "nowhere") :type 'user-error)))

(ert-deftest pen-source-test-file-must-be-readable ()
  (should-error (pen-source-file "/no/such/file") :type 'pen-not-found-error))

(provide 'pen-source-test)
;;; pen-source-test.el ends here
