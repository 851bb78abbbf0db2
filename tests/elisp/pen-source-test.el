;;; pen-source-test.el --- Where records come from, and the way back -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'org)
(require 'pen-fixture)
(require 'pen-finetune)
(require 'pen-dataset-chat)
(require 'pen-dataset-inspect)
(require 'pen-source-place)
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

(ert-deftest pen-source-test-file-must-be-readable ()
  (should-error (pen-source-file "/no/such/file") :type 'pen-not-found-error))

(ert-deftest pen-source-test-a-person-is-refused-a-file-in-a-sentence ()
  (dolist (name '("/no/such/file" "/"))
    (cl-letf (((symbol-function 'read-file-name) (lambda (&rest _) name)))
      (dolist (command '(pen-finetune-file pen-dataset-file pen-dataset-whatsapp))
        (should (string-match-p (concat "\\`" name " .*; [a-z]")
                                (cadr (should-error (call-interactively command)
                                                    :type 'user-error))))))))

;;;; What buffers can be

(defun pen-source-test--says (function regexp)
  "Check that FUNCTION signals a `user-error' that matches REGEXP, a sentence."
  (let ((said (error-message-string (should-error (funcall function) :type 'user-error))))
    (should (string-match-p regexp said))
    (should (string-match-p "\\`[A-Z/].*[; ].*[^.]\\'" said))))

(ert-deftest pen-source-test-white-space-alone-is-refused ()
  (with-temp-buffer
    (insert " \n\t\n")
    (pen-source-test--says (lambda () (pen-source-region 1 4)) "white space only; mark")))

(ert-deftest pen-source-test-a-read-only-buffer-is-read ()
  (with-temp-buffer
    (insert "one")
    (setq buffer-read-only t)
    (should (equal (plist-get (pen-source-request (pen-source-region 1 4)) :text) "one"))))

(ert-deftest pen-source-test-a-region-marked-backwards-is-the-same ()
  (with-temp-buffer
    (insert "a\nb\nc\n")
    (should (equal (plist-get (pen-source-request (pen-source-region 5 3)) :text) "b\n"))))

(ert-deftest pen-source-test-a-narrowed-buffer-counts-all-its-lines ()
  (save-window-excursion
    (with-temp-buffer
      (insert "a\nb\nc\nd\ne\n")
      (narrow-to-region 5 8)
      (let ((source (pen-source-region 5 8)))
        (should (equal (pen-source-place source (concat (buffer-name) ":1"))
                       (concat (buffer-name) ":3")))
        (pen-source-visit source (concat (buffer-name) ":2"))
        (should (looking-at-p "d"))
        (should (buffer-narrowed-p))
        (widen)
        (narrow-to-region 1 3)
        (should (equal (plist-get (pen-source-request source) :text) "c\nd"))
        (pen-source-visit source (concat (buffer-name) ":2"))
        (should (looking-at-p "d"))))))

(ert-deftest pen-source-test-an-indirect-buffer-that-was-killed-leads-to-its-base ()
  (save-window-excursion
    (with-temp-buffer
      (insert "a\nb\nc\n")
      (let* ((base (current-buffer))
             (indirect (make-indirect-buffer base "pen-source-test indirect"))
             (source (with-current-buffer indirect (pen-source-region 3 6))))
        (pen-source-visit source "pen-source-test indirect:1")
        (should (eq (window-buffer) indirect))
        (kill-buffer indirect)
        (with-current-buffer base
          (goto-char 3)
          (insert "0\n"))
        (should (equal (plist-get (pen-source-request source) :text) "0\nb\nc"))
        (pen-source-visit source "pen-source-test indirect:2")
        (should (eq (window-buffer) base))
        (should (looking-at-p "b"))))))

(ert-deftest pen-source-test-a-typo-corrected-in-the-buffer-is-gone-next-time ()
  (save-window-excursion
    (with-temp-buffer
      (let ((source (pen-source-test--region)))
        (goto-char 1)
        (insert "new\n")
        (search-forward "c")
        (replace-match "see")
        (should (equal (plist-get (pen-source-request source) :text) "see\nd"))
        (should (equal (pen-source-place source (concat (buffer-name) ":2"))
                       (concat (buffer-name) ":5")))))))

(ert-deftest pen-source-test-lines-added-above-do-not-mislead ()
  (save-window-excursion
    (with-temp-buffer
      (let ((source (pen-source-test--region)))
        (goto-char 1)
        (insert "new\n")
        (pen-source-visit source (concat (buffer-name) ":2"))
        (should (looking-at-p "d"))))))

(ert-deftest pen-source-test-a-killed-buffer-leaves-its-last-text ()
  (let ((source (with-temp-buffer (pen-source-test--region))))
    (should (equal (plist-get (pen-source-request source) :text) "c\nd"))))

(ert-deftest pen-source-test-a-text-that-was-deleted-is-said ()
  (with-temp-buffer
    (let ((source (pen-source-test--region)))
      (erase-buffer)
      (pen-source-test--says (lambda () (pen-source-request source)) "was deleted; undo"))))

(ert-deftest pen-source-test-raw-bytes-are-refused-with-their-line ()
  (with-temp-buffer
    (insert "one\ntwo é ÿ\n" (decode-coding-string "\xe9" 'utf-8) "\n")
    (pen-source-test--says (lambda () (pen-source-region 1 (point-max)))
                           "\\`Line 3 holds bytes that are no characters; read"))
  (with-temp-buffer
    (set-buffer-multibyte nil)
    (insert "one\n\xe9")
    (pen-source-test--says (lambda () (pen-source-region 1 (point-max))) "\\`Line 2 holds bytes")))

(ert-deftest pen-source-test-a-file-on-another-machine-is-refused-without-a-connection ()
  (let ((process-count (length (process-list))))
    (pen-source-test--says (lambda () (pen-source-file "/ssh:nobody@nowhere.invalid:/puns.org"))
                           "another machine; copy it here")
    (should (= process-count (length (process-list))))))

(ert-deftest pen-source-test-a-buffer-of-another-machine-is-read-like-any-other ()
  (with-temp-buffer
    (insert "one")
    (setq buffer-file-name "/ssh:nobody@nowhere.invalid:/puns.org")
    (unwind-protect
        (let ((request (pen-source-request (pen-source-region 1 4))))
          (should (equal request '(:text "one" :source "puns.org" :reader "auto"))))
      (setq buffer-file-name nil))))

(ert-deftest pen-source-test-a-directory-is-no-source ()
  (pen-source-test--says (lambda () (pen-source-file temporary-file-directory)) "is a directory; name"))

;; 10 MB.  What is not Emacs's own time to write the file must be far below 50 ms.
(ert-deftest pen-source-test-a-large-region-goes-by-a-file-of-our-own ()
  (with-temp-buffer
    (insert (propertize "What do you call a cow with no legs? Ground beef, äh.\n" 'face 'bold))
    (dotimes (_ 18)
      (insert (buffer-substring (point-min) (point-max)))
      (when (> (buffer-size) 10000000) (delete-region 10000000 (point-max))))
    (let* ((source nil)
           (more (cl-loop repeat 3     ; the least of three
                          for writing = (pen-fixture-writing)
                          do (when source (pen-source-forget source))
                          minimize (- (pen-fixture-work
                                       (lambda ()
                                         (setq source (pen-source-region (point-min) (point-max)))))
                                      writing)))
           (request (pen-source-request source))
           (file (plist-get request :path)))
      (should-not (plist-member request :text))
      (should (= (file-modes file) #o600))
      (should (= (file-attribute-size (file-attributes file))
                 (string-bytes (buffer-substring-no-properties (point-min) (point-max)))))
      (should (< more 0.05))
      (goto-char (point-max))
      (should (equal (plist-get (pen-source-request source) :path) file))
      (pen-source-forget source)
      (should-not (file-exists-p file)))))

(provide 'pen-source-test)
;;; pen-source-test.el ends here
