;;; pen-batch-org-test.el --- Org files in scripts -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-batch-org)

(defmacro pen-batch-org-test-with (text table &rest body)
  "Run BODY with `file', an org file with TEXT, and a service that has TABLE first.
`(run)' runs its blocks and returns the exit code of the script."
  (declare (indent 2) (debug t))
  `(let ((file (make-temp-file "pen-batch-org-" nil ".org" ,text))
         (org-inhibit-startup t) (inhibit-message t))
     (unwind-protect
         (pen-rpc-fake-with
             (append ,table
                     (list (list "prompts-list" 'value pen-fixture-definitions)
                           (list "completions-start" 'events (pen-fixture-done "a pun"))))
           (cl-letf (((symbol-function 'pen-batch--say) #'ignore)
                     ((symbol-function 'kill-emacs) #'identity))
             (cl-flet ((run () (let ((command-line-args-left (list "--" file "--yes")))
                                 (pen-batch-execute-org))))
               ,@body)))
       (when (get-file-buffer file)
         (with-current-buffer (get-file-buffer file)
           (set-buffer-modified-p nil)
           (kill-buffer)))
       (delete-file file))))

(defconst pen-batch-org-test-block "#+begin_src pen :prompt old\nhello\n#+end_src\n\n"
  "A block.")

(ert-deftest pen-batch-org-test-what-is-done-is-saved-before-the-next-block ()
  (let (saved)
    (pen-batch-org-test-with (concat pen-batch-org-test-block pen-batch-org-test-block)
        (list (list "prompts-list" (lambda (_) (push (pen-fixture-read file) saved)
                                     pen-fixture-definitions)))
      (should (equal 0 (run)))
      (should (= 2 (length saved)))
      (should (string-match-p "a pun" (car saved)))
      (should-not (string-match-p "a pun" (cadr saved)))
      (should (= 2 (with-temp-buffer (insert-file-contents file) (how-many "^a pun$")))))))

(ert-deftest pen-batch-org-test-a-block-within-a-line-runs-too ()
  (pen-batch-org-test-with "say src_pen[:prompt old]{hello} now, =src_pen[:prompt old]{hello}= not\n" nil
    (dotimes (_ 2)
      (should (equal 0 (run))))
    (should (equal (pen-fixture-read file)
                   "say src_pen[:prompt old]{hello} {{{results(=a pun=)}}} now, =src_pen[:prompt old]{hello}= not\n"))))

;; Root reads every file, so nobody's modes are looked at here.
(ert-deftest pen-batch-org-test-a-file-that-may-not-be-read-is-wrong-usage ()
  (pen-batch-org-test-with pen-batch-org-test-block nil
    (cl-letf* ((real (symbol-function 'file-readable-p))
               ((symbol-function 'file-readable-p)
                (lambda (name) (and (not (equal name file)) (funcall real name)))))
      (should (equal 1 (run))))
    (should (equal (pen-fixture-read file) pen-batch-org-test-block))))

(ert-deftest pen-batch-org-test-a-result-is-not-run ()
  (pen-batch-org-test-with "#+begin_src pen :prompt old :results code\nhello\n#+end_src\n" nil
    (dotimes (_ 2)
      (should (equal 0 (run))))
    (should (= 2 (seq-count (lambda (call) (equal "completions-start" (car call)))
                            pen-rpc-fake-calls)))))

(ert-deftest pen-batch-org-test-a-file-that-somebody-changed-meanwhile-keeps-that ()
  (pen-batch-org-test-with pen-batch-org-test-block
      (list (list "prompts-list" (lambda (_)
                                   (write-region "mine" nil file nil 'silent)
                                   (set-file-times file '(0 0))
                                   pen-fixture-definitions)))
    (should (equal 5 (run)))
    (should (equal "mine" (pen-fixture-read file)))))

(ert-deftest pen-batch-org-test-a-file-that-somebody-edits-is-refused-before-anything-is-asked ()
  (pen-batch-org-test-with pen-batch-org-test-block nil
    (let ((lock (expand-file-name (concat ".#" (file-name-nondirectory file)) temporary-file-directory)))
      (make-symbolic-link "ann@elsewhere.1:1" lock)
      (unwind-protect
          (should (equal 5 (run)))
        (delete-file lock)))
    (should (eq 'none (pen-rpc-fake-last "completions-start")))))

(defun pen-batch-org-test--consent (header options)
  "Return whether a block with HEADER may run with OPTIONS."
  (with-temp-buffer
    (delay-mode-hooks (org-mode))
    (insert "#+begin_src pen " header "\n#+end_src\n")
    (goto-char (point-min))
    (condition-case nil
        (progn (pen-batch-org--consent options) t)
      (pen-refused-error nil))))

(ert-deftest pen-batch-org-test-a-block-runs-if-org-would-not-ask-or-somebody-said-yes ()
  (let ((org-confirm-babel-evaluate t))
    (should-not (pen-batch-org-test--consent "" nil))
    (should (pen-batch-org-test--consent "" '(:yes t)))
    (should-not (pen-batch-org-test--consent ":eval query" '(:yes t)))
    (should (pen-batch-org-test--consent ":eval no" nil)))
  (let ((org-confirm-babel-evaluate (lambda (language _) (equal language "sh"))))
    (should (pen-batch-org-test--consent "" nil))))

(ert-deftest pen-batch-org-test-yes-answers-for-no-other-language ()
  (let ((org-confirm-babel-evaluate t) asked)
    (cl-letf (((symbol-function 'org-babel-execute-src-block)
               (lambda () (setq asked (mapcar (lambda (language)
                                                (funcall org-confirm-babel-evaluate language ""))
                                              '("pen" "sh"))))))
      (with-temp-buffer
        (delay-mode-hooks (org-mode))
        (insert "#+begin_src pen\n#+end_src\n")
        (goto-char (point-min))
        (should-not (pen-batch-org--block "f.org" '(:yes t)))))
    (should (equal asked '(nil t)))
    (should (eq t org-confirm-babel-evaluate))))

(provide 'pen-batch-org-test)
;;; pen-batch-org-test.el ends here
