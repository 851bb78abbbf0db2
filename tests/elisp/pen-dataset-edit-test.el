;;; pen-dataset-edit-test.el --- Rows left out, moved and rewritten -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)

(defmacro pen-dataset-edit-test-with (&rest body)
  "Run BODY in the preview of a plan without findings."
  `(pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
     ,@body))

(defun pen-dataset-edit-test-at (text)
  "Go to the line with TEXT."
  (goto-char (point-min))
  (search-forward text))

(defun pen-dataset-edit-test-edits ()
  "Build again and return the changes that the service was sent."
  (pen-fixture-press "g")
  (pen-rpc-fake-settle)
  (plist-get (pen-rpc-fake-last "datasets-plan") :edits))

(ert-deftest pen-dataset-edit-test-d-leaves-all-records-of-a-row-out ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "one↵")
   (pen-fixture-press "d")
   (should (looking-at-p "  2   valid"))
   (should (string-match-p "^D 1 +one↵" (pen-fixture-text)))
   (should (string-match-p "^left out +one +puns:3$" (pen-fixture-text)))
   (should (string-prefix-p "g build with the changes" header-line-format))
   (should (equal (pen-dataset-edit-test-edits)
                  '((:key "aa" :exclude t) (:key "ab" :exclude t) (:key "ac" :exclude t))))))

(ert-deftest pen-dataset-edit-test-marks-survive-another-build ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "d")
   (pen-dataset-edit-test-edits)
   (should (string-match-p "^d 2   valid" (pen-fixture-text)))
   (should (string-match-p "^left out " (pen-fixture-text)))
   (should-not (string-prefix-p "g build" header-line-format))
   (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "seed"))
             ((symbol-function 'read-string) (lambda (&rest _) "7")))
     (pen-fixture-press "o"))
   (pen-rpc-fake-settle)
   (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :seed) 7))
   (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :edits)
                  '((:key "b" :exclude t))))))

(ert-deftest pen-dataset-edit-test-v-puts-a-row-on-the-other-side-and-back ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "v")
   (should (string-match-p "^T 2   valid" (pen-fixture-text)))
   (should (equal pen-dataset--edits
                  '((:key "b" :where "puns:2" :text "<joke> four" :exclude nil :side train))))
   (pen-dataset-edit-test-at "one↵")
   (pen-fixture-press "v")
   (should (string-match-p "^V 1 " (pen-fixture-text)))
   (pen-dataset-edit-test-at "one↵")
   (pen-fixture-press "v")
   (should (equal (pen-dataset-edit-test-edits) '((:key "b" :side train))))))

(ert-deftest pen-dataset-edit-test-u-takes-back-a-row-or-a-line ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "one↵")
   (pen-fixture-press "d")
   (pen-dataset-edit-test-at "left out      two")
   (pen-fixture-press "u")
   (should (equal (mapcar (lambda (each) (plist-get each :key)) pen-dataset--edits) '("aa" "ac")))
   (pen-dataset-edit-test-at "one↵")
   (pen-fixture-press "u")
   (should-not pen-dataset--edits)
   (should-not (string-match-p "Changed by hand" (pen-fixture-text)))
   (should-error (pen-fixture-press "u") :type 'user-error)
   (should-error (pen-fixture-press "U") :type 'user-error)))

(ert-deftest pen-dataset-edit-test-e-rewrites-a-row-in-a-small-buffer ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "e")
   (should (equal (buffer-name) "*pen-row*"))
   (should word-wrap)
   (should (equal (pen-fixture-text)
                  "── question (puns:4)\n<joke>\n── answer (puns:4)\nfour"))
   (search-forward "four")
   (insert "\nmore")
   (pen-fixture-press "C-c C-c")
   (should-not (get-buffer "*pen-row*"))
   (with-current-buffer "*pen-dataset*"
     (should (string-match-p "^E 2   valid" (pen-fixture-text)))
     (should (equal (pen-dataset-edit-test-edits)
                    '((:key "b" :side valid :texts ("<joke>" "four\nmore"))))))))

(ert-deftest pen-dataset-edit-test-a-text-of-a-list-is-changed-alone-and-again ()
  (pen-dataset-edit-test-with
   (dolist (new '("2" "3"))
     (with-current-buffer "*pen-dataset*"
       (pen-dataset-edit-test-at "one↵")
       (pen-fixture-press "e"))
     (with-current-buffer "*pen-row*"
       (goto-char (point-min))
       (search-forward ":4)\n")
       (delete-region (point) (line-end-position))
       (insert new)
       (pen-fixture-press "C-c C-c")))
   (with-current-buffer "*pen-dataset*"
     (should (equal (pen-dataset-edit-test-edits) '((:key "ab" :side train :texts ("3"))))))))

(ert-deftest pen-dataset-edit-test-headings-stay-and-empty-texts-are-read ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "e")
   (goto-char (point-min))
   (should-error (delete-char 1) :type 'text-read-only)
   (forward-line 1)
   (delete-region (point) (line-end-position))
   (should (equal (pen-dataset-edit--read) '("" "four")))
   (goto-char (point-max))
   (delete-region (line-beginning-position) (point))
   (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
   (pen-fixture-press "C-c C-k")
   (with-current-buffer "*pen-dataset*"
     (should-not pen-dataset--edits))))

(ert-deftest pen-dataset-edit-test-texts-that-nobody-took-are-not-overwritten ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "e")
   (insert "new ")
   (with-current-buffer "*pen-dataset*"
     (pen-dataset-edit-test-at "one↵")
     (should-error (pen-fixture-press "e") :type 'user-error))
   (with-current-buffer "*pen-row*"
     (should (string-match-p "new <joke>" (pen-fixture-text)))
     (pen-fixture-press "C-c C-k"))
   (with-current-buffer "*pen-dataset*"
     (pen-dataset-edit-test-at "one↵")
     (pen-fixture-press "e"))
   (with-current-buffer "*pen-row*"
     (should (string-match-p "one" (pen-fixture-text)))
     (kill-buffer))))

(ert-deftest pen-dataset-edit-test-the-same-text-is-no-change ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "e")
   (pen-fixture-press "C-c C-c")
   (with-current-buffer "*pen-dataset*"
     (should-not pen-dataset--edits))))

(ert-deftest pen-dataset-edit-test-a-preview-that-was-killed-is-said-and-the-text-stays ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "e")
   (kill-buffer "*pen-dataset*")
   (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
   (should (string-match-p "four" (pen-fixture-text)))
   (kill-buffer)))

(ert-deftest pen-dataset-edit-test-what-is-no-row-is-said ()
  (pen-dataset-edit-test-with
   (goto-char (point-min))
   (dolist (key '("d" "v" "e" "u" "P" "TAB"))
     (should (equal (cadr (should-error (pen-fixture-press key) :type 'user-error))
                    "There is no row on this line; the numbered ones begin in line 8, M-g g 8 RET goes there")))
   (goto-char (point-min))
   (forward-line 7)
   (pen-fixture-press "d")
   (should pen-dataset--edits)))

(ert-deftest pen-dataset-edit-test-a-launch-builds-the-changes-first ()
  (pen-dataset-edit-test-with
   (pen-dataset-edit-test-at "<joke>")
   (pen-fixture-press "d")
   (pen-fixture-press "C-c C-c")
   (pen-rpc-fake-settle 0.1)
   (should (equal (mapcar #'car (seq-filter (lambda (call) (member (car call) '("datasets-plan" "jobs-launch")))
                                            pen-rpc-fake-calls))
                  '("jobs-launch" "datasets-plan" "datasets-plan")))
   (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :edits) '((:key "b" :exclude t))))
   (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-dataset-edit-test-lisp-takes-the-changes-too ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (with-temp-buffer
      (insert "one\ntwo")
      (pen-dataset-region 1 8 :edits '((:key "b" :side valid)))
      (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :edits)
                     '((:key "b" :side valid)))))))

(provide 'pen-dataset-edit-test)
;;; pen-dataset-edit-test.el ends here
