;;; pen-project-test.el --- Which project's definitions are meant -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'seq)
(require 'project)
(require 'pen-fixture)
(require 'pen-project)
(require 'pen-command)
(require 'pen-compare)
(require 'pen-dataset)
(require 'pen-result)
(require 'pen-last-prompt)
(require 'ob-pen)

(declare-function pf-greet/0 "pen-command")

(defvar pen-project-test-asked nil "The directories whose project was asked for.")

(defconst pen-project-test-haiku
  '(:slug "haiku" :title "Haiku" :description "Of a topic." :arity 1 :n 1 :use insertion
          :origin project :path "/p/prompts/haiku.yaml"
          :variables ((:name "topic" :type "string" :description "")))
  "A definition of a project.")

(defconst pen-project-test-greet
  '(:slug "greet" :title "Greet" :description "Another." :arity 1 :n 1 :use insertion
          :origin project :path "/p/prompts/greet.yaml"
          :variables ((:name "whom" :type "string" :description "")))
  "A definition of a project whose name another one has outside of it.")

(defmacro pen-project-test-in (prompts &rest body)
  "Run BODY in the directory sub/ of a new project `root'.
PROMPTS is the directory for definitions that it has, or nil."
  (declare (indent 1) (debug t))
  `(let* ((root (file-name-as-directory
                 (file-truename (make-temp-file "pen-project-" t))))
          (pen-project-test-asked nil)
          (project-find-functions
           (list (lambda (directory)
                   (push directory pen-project-test-asked)
                   (and (string-prefix-p root directory) (cons 'transient root)))))
          (default-directory (expand-file-name "sub/" root)))
     (unwind-protect
         (progn
           (make-directory default-directory)
           (when ,prompts
             (make-directory (expand-file-name ,prompts root) t))
           ,@body)
       (delete-directory root t))))

(defun pen-project-test-list (plist)
  "Answer a call for definitions with PLIST as the service does."
  (let ((project (plist-get plist :project)))
    (if (stringp project)
        (append (list pen-project-test-haiku pen-project-test-greet)
                (seq-remove (lambda (each) (equal "greet" (plist-get each :slug)))
                            pen-fixture-definitions))
      pen-fixture-definitions)))

(defmacro pen-project-test-with (&rest body)
  "Run BODY in a project, with a service that knows its definitions."
  (declare (indent 0) (debug t))
  `(pen-project-test-in "prompts"
     (pen-fixture-with (list (pen-fixture-done "one"))
       (let ((pen-prompt--of-projects (make-hash-table :test #'equal))
             (pen-read--names (make-hash-table :test #'equal)))
         (setf (alist-get "prompts-list" pen-rpc-fake--table nil nil #'equal)
               (list #'pen-project-test-list))
         (pen-command-define pen-fixture-definitions)
         ,@body))))

;;;; Which project it is

(ert-deftest pen-project-test-a-project-is-one-that-has-definitions ()
  (pen-project-test-in "prompts"
    (should (equal (pen-project) root))
    (let ((default-directory root))
      (should (equal (pen-project) root)))))

(ert-deftest pen-project-test-without-definitions-nobody-is-asked ()
  (pen-project-test-in nil
    (should-not (pen-project))
    (should-not pen-project-test-asked)))

(ert-deftest pen-project-test-definitions-below-the-root-are-not-the-projects ()
  (pen-project-test-in "sub/prompts"
    (should-not (pen-project))
    (should pen-project-test-asked)))

(ert-deftest pen-project-test-a-directory-without-project-has-none ()
  (pen-project-test-in "prompts"
    (let ((project-find-functions nil))
      (should-not (pen-project)))))

(ert-deftest pen-project-test-definitions-that-may-not-be-read-are-nobodys ()
  (pen-project-test-in "prompts"
    (set-file-modes (expand-file-name "prompts" root) #o300)
    (cl-letf* ((real (symbol-function 'file-readable-p)) ; root may read anything
               ((symbol-function 'file-readable-p)
                (lambda (file)
                  (and (funcall real file)
                       (/= 0 (logand #o400 (file-modes file)))))))
      (should-not (pen-project)))))

(ert-deftest pen-project-test-a-directory-elsewhere-is-not-looked-into ()
  (pen-project-test-in "prompts"
    (let ((file-name-handler-alist
           (list (cons "\\`/far:" (lambda (operation &rest _)
                                   (if (eq operation 'file-remote-p)
                                       "/far:host:"
                                     (ert-fail (list 'asked-for operation)))))))
          (default-directory "/far:host:/x/"))
      (should-not (pen-project)))
    (should-not pen-project-test-asked)))

(ert-deftest pen-project-test-a-script-belongs-to-where-it-stands ()
  (pen-project-test-in "sub/prompts"
    (let ((pen-project-script default-directory))
      (should (equal (pen-project) default-directory))
      (should-not pen-project-test-asked)
      (let ((default-directory temporary-file-directory)) ; an org file that is in no project
        (should (equal (pen-project) pen-project-script)))
      (make-directory (expand-file-name "prompts" root))
      (let ((default-directory root))                      ; an org file that is in one
        (should (equal (pen-project) root))))))

;;;; What is sent

(ert-deftest pen-project-test-every-method-that-takes-it-gets-it ()
  (pen-project-test-with
    (pen-rpc-prompts-list)
    (should (equal (pen-rpc-fake-last "prompts-list") (list :project root)))
    (pen-rpc-prompts-list :project "/other/")
    (should (equal (pen-rpc-fake-last "prompts-list") '(:project "/other/")))
    (pen-rpc-prompts-list :project :null)
    (should (equal (pen-rpc-fake-last "prompts-list") '(:project :null)))
    (pen-rpc-jobs-list :then #'ignore :else #'ignore)
    (should-not (pen-rpc-fake-last "jobs-list"))
    (let ((default-directory temporary-file-directory))
      (pen-rpc-prompts-list)
      (should-not (pen-rpc-fake-last "prompts-list")))))

(ert-deftest pen-project-test-what-an-answer-asks-on-is-of-the-same-project ()
  (pen-project-test-with
    (let ((default-directory temporary-file-directory) (elsewhere default-directory) got)
      (let ((default-directory elsewhere))
        (pen-prompt-with "haiku" (lambda (_) (setq got (pen-project))) #'ignore))
      (let ((default-directory temporary-file-directory))
        (pen-rpc-fake-settle)
        (should (equal got root))
        (pen-stream-start #'pen-rpc-completions-start '(:prompt "haiku" :values nil)
                          (lambda (&rest _) (setq got (pen-project))))
        (pen-rpc-fake-settle)
        (should-not got)))))

;;;; Definitions

(ert-deftest pen-project-test-a-definition-of-the-project-runs-in-it-alone ()
  (pen-project-test-with
    (should (equal (pen-run-prompt-function "haiku" '("rain")) "one"))
    (should (equal (plist-get (pen-rpc-fake-last "completions-start") :project) root))
    (let ((default-directory temporary-file-directory))
      (setf (alist-get "prompts-show" pen-rpc-fake--table nil nil #'equal)
            '(error not-found "There is no prompt 'haiku'."))
      (should-error (pen-run-prompt-function "haiku" '("rain")) :type 'pen-not-found-error)
      (should (equal (pen-run-prompt-function "haiku" '("rain") :project root) "one")))))

(ert-deftest pen-project-test-a-preview-is-by-the-definition-of-its-buffer ()
  (pen-project-test-with
    (let ((here default-directory))
      (pen-fixture-in-buffer "x"
        (setq default-directory here)
        (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "haiku"))
                  ((symbol-function 'read-string) (lambda (&rest _) "rain")))
          (call-interactively #'pen-run-prompt-function))
        (let ((default-directory temporary-file-directory)) ; the answers come anywhere
          (pen-fixture-until (lambda () (listp (pen-rpc-fake-last "completions-start")))))
        (should (equal (plist-get (pen-rpc-fake-last "completions-start") :project) root))
        (pen-rpc-fake-settle)
        (pen-abort t)))))

(ert-deftest pen-project-test-a-command-always-runs-what-it-was-made-of ()
  (pen-project-test-with
    (should (equal (pf-greet/0) "one"))
    (should (equal (plist-get (pen-rpc-fake-last "completions-start") :project) :null))
    (should (equal (pen-run-prompt-function "greet" '("Ada")) "one"))
    (should (equal (plist-get (pen-rpc-fake-last "completions-start") :project) root))))

(ert-deftest pen-project-test-definitions-of-a-project-have-no-commands ()
  (pen-project-test-with
    (let ((before pen-prompt-functions) (known (pen-prompt-known)) heard)
      (pen-prompt-list :then (lambda (definitions) (setq heard definitions)) :else #'ignore)
      (pen-rpc-fake-settle)
      (should (memq pen-project-test-haiku heard))
      (pen-prompt--hear heard)
      (pen-generate-prompt-functions)
      (should (equal (plist-get (pen-rpc-fake-last "prompts-catalogue") :project) :null))
      (should (equal before pen-prompt-functions))
      (should (equal known (pen-prompt-known)))
      (should-not (fboundp 'pf-haiku/1)))))

(ert-deftest pen-project-test-a-new-definition-of-ones-own-is-heard-of-from-a-project ()
  (pen-project-test-with
    (let ((new '(:slug "new" :title "New" :description "" :arity 0 :n 1 :use buffer :origin user)))
      (setf (alist-get "prompts-list" pen-rpc-fake--table nil nil #'equal)
            (list (lambda (plist) (append (pen-project-test-list plist) (list new)))))
      (pen-prompt--hear (append (pen-project-test-list (list :project root)) (list new)))
      (pen-rpc-fake-settle)
      (should (equal (pen-rpc-fake-last "prompts-list") '(:project :null)))
      (should (memq 'pf-new/0 pen-prompt-functions))
      (should (memq 'pf-greet/0 pen-prompt-functions))
      (should-not (memq 'pf-haiku/1 pen-prompt-functions)))))

(ert-deftest pen-project-test-names-are-offered-in-their-project-with-where-they-come-from ()
  (pen-project-test-with
    (let (offered)
      (cl-letf (((symbol-function 'completing-read)
                 (lambda (_prompt table &rest _)
                   (pen-rpc-fake-settle)
                   (should (equal (alist-get 'category (cdr (funcall table "" nil 'metadata)))
                                  'pen-prompt))
                   (setq offered
                         (funcall (alist-get 'affixation-function
                                             (cdr (funcall table "" nil 'metadata)))
                                  (all-completions "" table)))
                   "haiku")))
        (pen-read-prompt-name nil)
        (should (string-match-p "/1  \\[project\\] Of a topic" (nth 2 (assoc "haiku" offered))))
        (should-not (string-match-p "project" (nth 2 (assoc "tidy" offered))))
        (let ((default-directory temporary-file-directory))
          (pen-read-prompt-name nil)
          (should-not (assoc "haiku" offered))
          (should (assoc "tidy" offered)))))))

(ert-deftest pen-project-test-an-org-block-is-by-the-project-of-its-file ()
  (pen-project-test-with
    (let ((file (expand-file-name "sub/notes.org" root)) (pen-org-async nil)
          (org-confirm-babel-evaluate nil))
      (write-region "#+begin_src pen :prompt haiku :var topic=\"rain\"\n#+end_src\n" nil file nil 'quiet)
      (let* ((default-directory temporary-file-directory)
             (buffer (find-file-noselect file)))
        (unwind-protect
            (with-current-buffer buffer
              (goto-char (point-min))
              (org-babel-execute-src-block)
              (should (equal (plist-get (pen-rpc-fake-last "completions-start") :project) root))
              (should (string-match-p "^one$" (buffer-string))))
          (with-current-buffer buffer
            (set-buffer-modified-p nil)
            (kill-buffer buffer)))))))

(ert-deftest pen-project-test-what-was-asked-last-is-shown-by-its-own-project ()
  (pen-project-test-with
    (setf (alist-get "completions-start" pen-rpc-fake--table nil nil #'equal)
          '(error provider "Gone."))
    (should-error (pen-run-prompt-function "haiku" '("rain")) :type 'pen-error)
    (let ((default-directory temporary-file-directory))
      (call-interactively #'pen-show-last-prompt)
      (should (equal (plist-get (pen-rpc-fake-last "prompts-render") :project) root)))))

(ert-deftest pen-project-test-a-screen-belongs-to-whoever-opened-it-last ()
  (pen-project-test-with
    (let ((here default-directory))
      (unwind-protect
          (progn
            (pen-project-buffer "*pen-project-test*")
            (let ((default-directory temporary-file-directory))
              (with-current-buffer (pen-project-buffer "*pen-project-test*")
                (should-not (pen-project))))
            (with-current-buffer (pen-project-buffer "*pen-project-test*")
              (should (equal default-directory here))
              (should (equal (pen-project) root))))
        (kill-buffer "*pen-project-test*")))))

(provide 'pen-project-test)
;;; pen-project-test.el ends here
